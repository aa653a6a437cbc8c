/* hub/text/math.h - TeX as people write it in cards, as MathML, which browsers draw without scripts, fonts or styles of ours.
 *
 * What is understood: groups, scripts, fractions, roots, accents, fonts, delimiters that grow, matrices and aligned lines, text,
 * the names of functions and of some 300 signs.  Macros cannot be defined.  A formula with anything else in it is refused as a whole,
 * and is then shown as it was written: better no formula than a wrong one. */
#ifndef HUB_MATH_H
#define HUB_MATH_H

#include "base/buf.h"

enum { MATH_BYTES_MAX = 4000, MATH_DEPTH_MAX = 40 };

/* Adds <math>...</math>, or nothing and is false. */
bool math_add(struct buf *out, str tex, bool is_display);

/* Inside of hub/text: a sign or a function by its name without the backslash. */
enum math_kind { MATH_LETTER, MATH_SIGN, MATH_BIG, MATH_FUNCTION, MATH_LIMIT /* a function that takes limits below */, MATH_SPACE };
struct math_sign {
    const char *name, *text;
    enum math_kind kind;
};
const struct math_sign *math_sign_find(str name);

#endif

/* base/ckd.h - checked integer arithmetic under C23's names: true means that the result did not fit. */
#ifndef BASE_CKD_H
#define BASE_CKD_H

#define ckd_add(out, a, b) __builtin_add_overflow((a), (b), (out))
#define ckd_sub(out, a, b) __builtin_sub_overflow((a), (b), (out))
#define ckd_mul(out, a, b) __builtin_mul_overflow((a), (b), (out))

#endif

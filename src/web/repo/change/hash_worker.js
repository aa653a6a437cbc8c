// Hashes a file in slices, off the thread that draws the page.  In: a Blob.  Out: {done} now and then, then {hex}, or {error}.
import { Sha256 } from "./sha256.js";

const SLICE = 4 << 20;

onmessage = async ({ data: file }) => {
  try {
    const sha = new Sha256();
    for (let at = 0; at < file.size; at += SLICE) {
      const slice = file.slice(at, at + SLICE);
      sha.add(new Uint8Array(await slice.arrayBuffer()));
      postMessage({ done: at + slice.size });
    }
    postMessage({ hex: sha.end() });
  } catch (error) {
    postMessage({ error: error.message }); // the file is gone, or was changed
  }
};

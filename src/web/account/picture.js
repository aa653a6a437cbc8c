// A chosen picture is cut square and made small before it is sent.  Without scripts it goes as it is, within the server's limits.
const SIDE = 256;
const input = document.querySelector("#picture");
const shown = document.querySelector(".avatar-pick img");

async function small(file) {
  const picture = await createImageBitmap(file);
  const side = Math.min(picture.width, picture.height), canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.min(SIDE, side);
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => { canvas.toBlob(done, "image/png"); });
  return { file: new File([blob], "picture.png", { type: "image/png" }), url: canvas.toDataURL() };
}

input?.addEventListener("change", async () => {
  const file = input.files[0];
  if (!file || file.type === "image/gif") return; // it may move
  try {
    const made = await small(file), list = new DataTransfer();
    if (input.files[0] !== file) return;
    list.items.add(made.file);
    input.files = list.files;
    shown.src = made.url;
    shown.alt = "The picture as it will be";
  } catch { /* no picture that the browser reads: the server says so */ }
});

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { imageInfo } from "../../../lib/formats/image.ts";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const GIF = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

Deno.test("image: type and size of PNG and GIF", () => {
  assert.deepEqual(imageInfo(Buffer.from(PNG, "base64")), {
    type: "image/png",
    width: 1,
    height: 1,
  });
  assert.deepEqual(imageInfo(Buffer.from(GIF, "base64")), {
    type: "image/gif",
    width: 1,
    height: 1,
  });
});

Deno.test("image: JPEG, behind other segments and fill bytes", () => {
  const jpeg = [
    ...[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2], // APP0
    ...[0xff, 0xff, 0xc4, 0, 3, 9], // DHT with a fill byte
    ...[0xff, 0xc2, 0, 11, 8, 0x01, 0x02, 0x03, 0x04, 1, 0, 0, 0],
  ];
  assert.deepEqual(imageInfo(Uint8Array.from(jpeg)), {
    type: "image/jpeg",
    width: 0x304,
    height: 0x102,
  });
  for (let n = 0; n < jpeg.length - 5; n++) {
    assert.equal(imageInfo(Uint8Array.from(jpeg.slice(0, n))), undefined);
  }
  assert.equal(imageInfo(Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 0])), undefined);
});

Deno.test("image: the three kinds of WebP", () => {
  const webp = (kind: string, rest: number[]) =>
    Buffer.concat([Buffer.from(`RIFF\0\0\0\0WEBP${kind}`, "latin1"), Buffer.from(rest)]);
  const size = (width: number, height: number) => ({ type: "image/webp", width, height });
  const lossy = [0, 0, 0, 0, 0, 0, 0, 0x9d, 1, 0x2a, 100, 0, 50, 0];
  assert.deepEqual(imageInfo(webp("VP8 ", lossy)), size(100, 50));
  const lossless = [0, 0, 0, 0, 0x2f, 99, 0x40, 0x0c, 0];
  assert.deepEqual(imageInfo(webp("VP8L", lossless)), size(100, 50));
  assert.deepEqual(
    imageInfo(webp("VP8X", [0, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 49, 0, 0])),
    size(100, 50),
  );
  assert.equal(imageInfo(webp("????", [])), undefined);
});

Deno.test("image: anything else", () => {
  assert.equal(imageInfo(new Uint8Array()), undefined);
  assert.equal(imageInfo(Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>")), undefined);
});

/** XEP-0392: colours of nicknames. */

import assert from "node:assert/strict";
import { classOf, hex, hsluv, hueOf, HUES } from "../../../../modules/muc_log/colour.ts";
import { styleSheet } from "../../../../modules/muc_log/style.ts";

/** §13.1, at saturation 100 and lightness 50. */
const VECTORS: readonly (readonly [string, number, number, number, number])[] = [
  ["Romeo", 327.255249, 0.865, 0.000, 0.686],
  ["juliet@capulet.lit", 209.410400, 0.000, 0.515, 0.573],
  ["😺", 331.199341, 0.872, 0.000, 0.659],
  ["council", 359.994507, 0.918, 0.000, 0.394],
  ["Board", 171.430664, 0.000, 0.527, 0.457],
];

Deno.test("the test vectors of XEP-0392 §13.1", () => {
  for (const [text, hue, ...colour] of VECTORS) {
    assert(Math.abs(hueOf(text) - hue) < 1e-5, text);
    for (const [i, part] of hsluv(hueOf(text), 100, 50).entries()) {
      assert(Math.abs(part - colour[i]!) < 1e-3, text);
    }
  }
  assert.equal(hex(hsluv(0, 100, 0)), "#000000");
  assert.equal(hex(hsluv(0, 100, 100)), "#ffffff");
  assert.equal(classOf("council"), HUES - 1);
});

/** WCAG 2.2: relative luminance, and the contrast of two. */
function luminance(colour: string): number {
  const part = (at: number) => {
    const c = parseInt(colour.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light! + 0.05) / (dark! + 0.05);
}

Deno.test("all can be read on both themes (WCAG AA)", () => {
  const sheet = styleSheet();
  const cards = [...sheet.matchAll(/--card: (#[0-9a-f]{6})/g)].map(([, colour]) => colour!);
  const [light, dark] = cards;
  const hues = [...sheet.matchAll(/\.h\d+\{--l:(#\w{6});--d:(#\w{6})\}/g)];
  assert.equal(hues.length, HUES);
  for (const [, onLight, onDark] of hues) {
    assert(contrast(onLight!, light!) >= 4.5, onLight);
    assert(contrast(onDark!, dark!) >= 4.5, onDark);
  }
  for (const name of ["text", "soft", "faint", "accent"]) {
    const found = [...sheet.matchAll(new RegExp(`--${name}: (#[0-9a-f]{6})`, "g"))];
    assert(contrast(found[0]![1]!, light!) >= 4.5, `${name}, light`);
    assert(contrast(found[1]![1]!, dark!) >= 4.5, `${name}, dark`);
  }
});

/**
 * XEP-0392: everybody's nickname has a colour of its own, the same wherever it is shown. The hue comes
 * from the nickname, saturation and lightness are ours (§5.2), so that it can be read.
 *
 * The colours are those of HSLuv (hsluv.org, revision 4): CIE LUV with a saturation that is a share of
 * what a screen can show.
 */

import { hash } from "node:crypto";

/** Hues that the style sheet has a class for. */
export const HUES = 120;

/** Degrees (§5.1). */
export function hueOf(text: string): number {
  const digest = hash("sha1", text, "buffer");
  return digest.readUInt16LE(0) / 65_536 * 360;
}

/** The class of a nickname, from 0. */
export function classOf(nick: string): number {
  return Math.floor(hueOf(nick) / 360 * HUES);
}

/** The rows turn XYZ into the red, green and blue of sRGB (IEC 61966-2-1). */
const TO_RGB = [
  [3.240969941904521, -1.537383177570093, -0.498610760293],
  [-0.96924363628087, 1.87596750150772, 0.041555057407175],
  [0.055630079696993, -0.20397695888897, 1.056971514242878],
] as const;

/** The white of sRGB in CIE 1976 u'v'. */
const WHITE_U = 0.19783000664283;
const WHITE_V = 0.46831999493879;

/** CIE 1976: below the first L* is a line of the second as its steepness. */
const EPSILON = 216 / 24_389;
const KAPPA = 24_389 / 27;

/** Hue in degrees, saturation and lightness from 0 to 100; the colour's parts are from 0 to 1. */
export function hsluv(h: number, s: number, l: number): readonly [number, number, number] {
  if (l >= 100) return [1, 1, 1];
  if (l <= 0) return [0, 0, 0];
  const angle = h / 180 * Math.PI;
  const chroma = largestChroma(angle, l) * s / 100;
  const u = chroma * Math.cos(angle) / (13 * l) + WHITE_U;
  const v = chroma * Math.sin(angle) / (13 * l) + WHITE_V;
  const y = luminance(l);
  const x = 9 * y * u / (4 * v);
  const z = (9 * y - 15 * v * y - v * x) / (3 * v);
  const [r, g, b] = TO_RGB.map((row) => gamma(row[0] * x + row[1] * y + row[2] * z));
  return [r!, g!, b!];
}

/** `#rrggbb` */
export function hex(colour: readonly number[]): string {
  const part = (c: number) => Math.round(Math.min(1, Math.max(0, c)) * 255);
  return "#" + colour.map((c) => part(c).toString(16).padStart(2, "0")).join("");
}

/**
 * How far one can go from grey in the direction of this hue until red, green or blue leaves what the
 * screen has. At one lightness each of these six borders is a straight line in the plane of u and v.
 */
function largestChroma(angle: number, l: number): number {
  const y = luminance(l);
  let least = Infinity;
  for (const [m1, m2, m3] of TO_RGB) {
    for (const limit of [0, 1]) {
      const up = (284_517 * m1 - 94_839 * m3) * y;
      const across = (838_422 * m3 + 769_860 * m2 + 731_718 * m1) * l * y - 769_860 * limit * l;
      const down = (632_260 * m3 - 126_452 * m2) * y + 126_452 * limit;
      const length = across / down / (Math.sin(angle) - up / down * Math.cos(angle));
      if (length >= 0) least = Math.min(least, length);
    }
  }
  return least;
}

function luminance(l: number): number {
  return l > KAPPA * EPSILON ? ((l + 16) / 116) ** 3 : l / KAPPA;
}

function gamma(c: number): number {
  return c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055;
}

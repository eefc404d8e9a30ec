/**
 * Whole numbers as text, five bits to a character, lowest first; the sixth bit says that more follow.
 * Small numbers, which are most in our tables, take one character.
 */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Encodes whole numbers from 0 to 2^31 - 1. */
export function encodeNumbers(numbers: readonly number[]): string {
  let text = "";
  for (const number of numbers) {
    let rest = number;
    for (; rest > 31; rest >>>= 5) text += DIGITS[32 + (rest & 31)];
    text += DIGITS[rest];
  }
  return text;
}

/** The reverse of `encodeNumbers`. */
export function decodeNumbers(text: string): number[] {
  const numbers: number[] = [];
  let number = 0;
  let shift = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = DIGITS.indexOf(text[i]!);
    number |= (digit & 31) << shift;
    shift += 5;
    if (digit > 31) continue;
    numbers.push(number);
    number = 0;
    shift = 0;
  }
  return numbers;
}

/** The documents, for the tests that compare them with what they speak of. */

import { readdirSync, readFileSync } from "node:fs";

export const ROOT = new URL("../../", import.meta.url);

export interface Page {
  /** From the root. */
  readonly path: string;
  readonly text: string;
}

/** A block of code: ```` ```ts ignore ```` has the language `ts` and the mark `ignore`. */
export interface Block {
  readonly language: string;
  readonly mark: string;
  readonly code: string;
}

export const pages: readonly Page[] = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...readdirSync(new URL("docs/", ROOT)).filter((f) => f.endsWith(".md")).map((f) => `docs/${f}`),
].map((path) => ({ path, text: readFileSync(new URL(path, ROOT), "utf8") }));

export function page(path: string): Page {
  return pages.find((p) => p.path === path)!;
}

export function blocks({ text }: Page): Block[] {
  return [...text.matchAll(/^```(\w*) ?(\w*)\n(.*?)^```$/gms)].map(([, language, mark, code]) => ({
    language: language!,
    mark: mark!,
    code: code!,
  }));
}

/** The text without its blocks of code. */
export function prose({ text }: Page): string {
  return text.replaceAll(/^```.*?^```$/gms, "");
}

/** What stands between backticks in the prose. */
export function names(of: Page): string[] {
  return [...prose(of).matchAll(/`([^`\n]+)`/g)].map((m) => m[1]!);
}

/**
 * All checks and tests: `deno task test [--no-skips] [FILTER ...]`.
 *
 * Formatting, linting and types first, then the tests, one process for each folder. A FILTER is a part
 * of a file's path (`tests/cli`, `roster`): then only these files run, and no checks. The last line of
 * output is `N passed, N failed`, with `, N skipped` if something this machine lacks was not tested;
 * the exit code is 0 only if nothing failed. With `--no-skips` whatever is skipped counts as failed.
 */

import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
/** The quick ones first; the other folders of tests follow by name. */
const ORDER = ["unit", "protocol", "cli", "clients"];
const CHECKS: readonly (readonly string[])[] = [["fmt", "--check"], ["lint"], ["check"]];

/** Longest time for the tests of one folder: one that hangs must not hang all. */
const FOLDER_MS = 20 * 60_000;

/** Tests that start nothing else may share the cores; the others measure time. */
const PARALLEL: ReadonlySet<string> = new Set(["unit"]);

interface Outcome {
  passed: number;
  failed: number;
  /** Tests passed over, and why. */
  skipped: string[];
}

async function main(args: readonly string[]): Promise<number> {
  const noSkips = args.includes("--no-skips");
  const filters = args.filter((a) => a !== "--no-skips");
  const total: Outcome = { passed: 0, failed: 0, skipped: [] };
  const started = performance.now();
  if (filters.length === 0) {
    for (const check of CHECKS) await section(total, check.join(" "), () => runCheck(check));
  }
  for (const folder of await folders()) {
    const files = await testFiles(`${ROOT}tests/${folder}`);
    const chosen = files.filter((file) =>
      filters.length === 0 || filters.some((f) => file.includes(f))
    );
    if (chosen.length === 0) continue;
    await section(total, `tests/${folder}`, () => runTests(chosen, PARALLEL.has(folder), noSkips));
  }
  if (total.passed + total.failed === 0) {
    console.log(`no test file has ${filters.join(" or ")} in its path`);
    total.failed++;
  }
  return report(total, noSkips, performance.now() - started);
}

async function section(total: Outcome, name: string, run: () => Promise<Outcome>): Promise<void> {
  console.log(`== ${name}`);
  const started = performance.now();
  const { passed, failed, skipped } = await run();
  console.log(`== ${name}: ${counts(passed, failed)} in ${seconds(performance.now() - started)}\n`);
  total.passed += passed;
  total.failed += failed;
  total.skipped.push(...skipped);
}

function report({ passed, failed, skipped }: Outcome, noSkips: boolean, ms: number): number {
  for (const reason of skipped) console.log(reason);
  console.log(`all in ${seconds(ms)}`);
  const all = noSkips ? failed + skipped.length : failed;
  const tail = noSkips || skipped.length === 0 ? "" : `, ${skipped.length} skipped`;
  console.log(counts(passed, all) + tail);
  return all === 0 ? 0 : 1;
}

function counts(passed: number, failed: number): string {
  return `${passed} passed, ${failed} failed`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

async function runCheck(check: readonly string[]): Promise<Outcome> {
  const { success } = await deno(check, {}, false);
  return { passed: success ? 1 : 0, failed: success ? 0 : 1, skipped: [] };
}

async function runTests(
  files: readonly string[],
  parallel: boolean,
  noSkips: boolean,
): Promise<Outcome> {
  const env = { NO_COLOR: "1", ...(noSkips ? { CONFAB_NO_SKIPS: "1" } : {}) };
  const options = ["-A", "--no-check", ...(parallel ? ["--parallel"] : [])];
  const { success, text } = await deno(["test", ...options, ...files], env, true);
  const outcome = readOutcome(text);
  // A process that dies has no summary, and may have lost failures on the way.
  if (!success && outcome.failed === 0) outcome.failed = 1;
  return outcome;
}

/** Reads the summary of `deno test`, and the lines in which tests say why they do not run. */
function readOutcome(text: string): Outcome {
  const skipped = text.split("\n").filter((line) => / (is|are) skipped: /.test(line));
  const summary = /^(?:ok|FAILED) \| (\d+) passed.*?\| (\d+) failed(.*)$/m.exec(text);
  if (summary === null) return { passed: 0, failed: 1, skipped };
  const ignored = Number(/\| (\d+) ignored/.exec(summary[3]!)?.[1] ?? 0);
  for (let i = 0; i < ignored; i++) {
    skipped.push("a test that is marked `ignore` is skipped: see above");
  }
  return { passed: Number(summary[1]), failed: Number(summary[2]), skipped };
}

/** Runs this very Deno; what it prints is shown as it comes, and returned if it is wanted. */
async function deno(
  args: readonly string[],
  env: Record<string, string>,
  keep: boolean,
): Promise<{ success: boolean; text: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: keep ? "piped" : "inherit",
    stderr: "inherit",
  }).spawn();
  const tooLong = setTimeout(() => {
    console.log(`given up after ${FOLDER_MS / 60_000} minutes: deno ${args[0]}`);
    child.kill("SIGKILL");
  }, FOLDER_MS);
  let text = "";
  if (keep) {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      await writeAll(chunk);
    }
  }
  const { success } = await child.status;
  clearTimeout(tooLong);
  return { success, text };
}

async function writeAll(chunk: Uint8Array): Promise<void> {
  for (let rest = chunk; rest.length > 0;) rest = rest.subarray(await Deno.stdout.write(rest));
}

async function folders(): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(`${ROOT}tests`)) {
    if (entry.isDirectory) found.push(entry.name);
  }
  const place = (name: string) => ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length;
  return found.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

/** The test files of a folder, relative to the root, in order. */
async function testFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...await testFiles(path));
    else if (entry.name.endsWith("_test.ts")) found.push(relative(ROOT, path));
  }
  return found.sort();
}

if (import.meta.main) Deno.exit(await main(Deno.args));

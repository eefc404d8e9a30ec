/** What a process uses, as Linux tells it. On other systems wall clock time stands in for its CPU time. */

import { delay } from "./time.ts";

/** The clock of `/proc`: Linux shows it in units of 1/100 s on every machine that runs Deno. */
const TICKS_PER_SECOND = 100;
const ON_LINUX = Deno.build.os === "linux";

/** What {@link spent} counts. */
export const CLOCK = ON_LINUX ? "CPU" : "wall clock";

/** Seconds of CPU (user and system, all threads) that a process has used since it started. */
export function spent(pid: number): number {
  if (!ON_LINUX) return performance.now() / 1000;
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // proc(5): utime and stime are fields 14 and 15; the second, in brackets, may have spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Bytes of memory that a process has in use (RSS); undefined where nobody tells. */
export function memory(pid: number): number | undefined {
  if (!ON_LINUX) return undefined;
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)![1]) * 1024;
}

/** Adds up what the server spends while it is measured. */
export class Meter {
  readonly #pid: number;
  #since = 0;
  #sum = 0;

  constructor(pid: number) {
    this.#pid = pid;
  }

  start(): void {
    this.#since = spent(this.#pid);
  }

  stop(): void {
    this.#sum += spent(this.#pid) - this.#since;
  }

  /** As `stop`, with what the server still does by itself after the last answer. */
  async stopWhenQuiet(): Promise<void> {
    // Waiting costs no CPU, but it would be counted by a wall clock.
    if (ON_LINUX) await delay(300);
    this.stop();
  }

  /** Seconds so far, never less than the clock can tell. */
  get seconds(): number {
    return Math.max(this.#sum, 1 / TICKS_PER_SECOND);
  }

  /** Microseconds for each of so many things done. */
  per(count: number): number {
    return this.seconds * 1e6 / count;
  }
}

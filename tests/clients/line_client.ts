/**
 * A real client in a process of its own that speaks lines of JSON: events it has seen on its standard
 * output, orders on its standard input.
 */

import assert from "node:assert/strict";

import { kill } from "../cli/process.ts";

/** How long a client may take for what it should see at once. */
const PATIENCE_MS = 20_000;

export type Event = Readonly<Record<string, unknown>> & { readonly event: string };

/** Values that an event must have. */
export type Expected = Readonly<Record<string, string | boolean | RegExp>>;

function fits(event: Event, expected: Expected): boolean {
  return Object.entries(expected).every(([key, value]) =>
    value instanceof RegExp ? value.test(String(event[key])) : event[key] === value
  );
}

export class LineClient implements AsyncDisposable {
  /** Events so far that nobody has waited for. */
  readonly events: Event[] = [];
  /** Anything else it has printed. */
  noise = "";
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #done: Promise<unknown>;
  #ended = false;

  constructor(command: Deno.Command) {
    this.#child = command.spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#done = Promise.all([this.#read(), this.#drain(), this.#child.status]);
    this.#done.then(() => this.#ended = true);
  }

  /** Has the client do something. */
  async order(order: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(JSON.stringify(order) + "\n"));
  }

  /**
   * Waits until it has seen an event with these values, and takes it: what has come before in any
   * order is looked through. A pattern stands for any text it matches.
   */
  async sees(expected: Expected): Promise<Event> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const at = this.events.findIndex((e) => fits(e, expected));
      if (at >= 0) return this.events.splice(at, 1)[0]!;
      if (this.#ended || performance.now() > end) {
        const shown = Object.entries(expected).map(([k, v]) => `${k}=${v}`).join(" ");
        assert.fail(
          `the client has not seen ${shown}, but\n` +
            this.events.map((e) => JSON.stringify(e)).join("\n") + `\n${this.noise}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Forgets what it has seen so far. */
  forget(): void {
    this.events.length = 0;
  }

  /** Ends the client in good order, by the end of its input. */
  async end(): Promise<void> {
    await this.#stdin.close();
    const timer = setTimeout(() => kill(this.#child), PATIENCE_MS);
    await this.#done;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.#child);
    await this.#done;
    await this.#stdin.abort().catch(() => {});
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const chunk of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (line.startsWith("{")) this.events.push(JSON.parse(line));
        else this.noise += line + "\n";
      }
    }
  }

  async #drain(): Promise<void> {
    for await (const chunk of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.noise += chunk;
    }
  }
}

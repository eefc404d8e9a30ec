/** A program in a terminal of its own (tmux): type into it, read its screen. */

import assert from "node:assert/strict";

const PATIENCE_MS = 20_000;

export class Terminal implements AsyncDisposable {
  readonly #server: string;

  private constructor(server: string) {
    this.#server = server;
  }

  /** Starts a command with these variables in its environment. */
  static async start(
    command: string,
    env: Readonly<Record<string, string>>,
  ): Promise<Terminal> {
    // A tmux server of the test's own, without anybody's configuration.
    const terminal = new Terminal(`confab-${crypto.randomUUID()}`);
    const set = Object.entries(env).flatMap(([k, v]) => ["-e", `${k}=${v}`]);
    const size = ["-x", "180", "-y", "50"];
    await terminal.#tmux("-f", "/dev/null", "new-session", "-d", ...size, ...set, command);
    return terminal;
  }

  /** Types a line. */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", "--", text);
    await this.#tmux("send-keys", "Enter");
  }

  async screen(): Promise<string> {
    return await this.#tmux("capture-pane", "-p", "-J");
  }

  /** Waits until the screen shows it. */
  async shows(pattern: RegExp): Promise<string> {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const screen = await this.screen();
      if (pattern.test(screen)) return screen;
      if (performance.now() > end) {
        assert.fail(`the screen does not show ${pattern}:\n${screen.trimEnd()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => {});
  }

  async #tmux(...args: string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command("tmux", {
      args: ["-u", "-L", this.#server, ...args],
      env: { LC_ALL: "C.UTF-8" },
    }).output();
    if (!success) throw new Error(`tmux ${args[0]}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  }
}

/**
 * What the server costs as its operator runs it: a process with `server.toml` on free ports and a data
 * folder of its own, and a load generator in another process (`load/`).
 */

import { fileURLToPath } from "node:url";
import { startConfab } from "../cli/process.ts";
import type { Confab } from "../cli/process.ts";
import { type Figure, scaled } from "./figure.ts";
import { CLOCK } from "./load/meter.ts";
import type { Answer, Order } from "./load/order.ts";
import { DOMAIN, PASSWORD, userName } from "./load/order.ts";
import { each } from "./load/time.ts";

const LOAD = new URL("load/main.ts", import.meta.url);
const CONFIG = new URL("server.toml", import.meta.url);
const COLLECT_MODULE = fileURLToPath(new URL("collect_module.ts", import.meta.url));

/** Seconds of measuring at scale 1; for memory, what it takes to settle. */
const SECONDS = 4;
const SETTLE_SECONDS = 2;

type Distributed<T> = T extends unknown ? Omit<T, "port" | "pid" | "accounts"> : never;
/** An order, but for what the server in question adds. */
type Wish = Distributed<Order>;
type Run = (wish: Wish) => Promise<Answer>;

/** Starts a server with so many accounts, lets the loads run, and clears away. */
async function withAccounts(
  accounts: number,
  measure: (run: Run) => Promise<Figure[]>,
  moreConfig = "",
): Promise<Figure[]> {
  const config = (await Deno.readTextFile(CONFIG)).replaceAll(/^port = \d+$/gm, "port = 0");
  await using server = await startConfab(config + moreConfig);
  await each(accounts, 10, (i) => server.addUser(`${userName(i)}@${DOMAIN}`, PASSWORD));
  return await measure(async (wish) => {
    // A server that has just started: what was done before is not in its memory.
    await restart(server);
    const { port } = server.server;
    return await runLoad({ ...wish, port, pid: server.child.pid, accounts }, server);
  });
}

async function restart(server: Confab): Promise<void> {
  server.child.kill("SIGTERM");
  await server.exited();
  await server.start();
}

async function runLoad(order: Order, server: Confab): Promise<Answer> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", LOAD.href, JSON.stringify(order)],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`the load "${order.load}" has failed: ${decoder.decode(stderr)}${server.err}`);
  }
  return JSON.parse(decoder.decode(stdout));
}

function figure(what: string, unit: string, value: number | null | undefined): Figure {
  return { what, unit, value: value ?? undefined };
}

const TIME = `µs of ${CLOCK}`;
/** Each kind of connection, and how it is called. */
const KINDS = [[false, "plain text"], [true, "STARTTLS"]] as const;

export function chatFigures(scale: number): Promise<Figure[]> {
  const pairs = scaled(50, Math.min(scale, 1));
  return withAccounts(2 * pairs, async (run) => {
    const figures: Figure[] = [];
    for (const [tls, kind] of KINDS) {
      for (const window of [1, 10]) {
        const answer = await run({ load: "chat", tls, window, seconds: SECONDS * scale });
        const what = `message delivered, ${window} on the way, ${kind}`;
        figures.push(figure(what, TIME, answer.perMessage));
      }
    }
    return figures;
  });
}

export function loginFigures(scale: number): Promise<Figure[]> {
  return withAccounts(scaled(50, Math.min(scale, 1), 2), async (run) => {
    const figures: Figure[] = [];
    for (const [tls, kind] of KINDS) {
      const answer = await run({ load: "login", tls, atOnce: 8, seconds: SECONDS * scale });
      figures.push(figure(`logins, ${kind}`, `1/s of ${CLOCK}`, answer.perSecond));
    }
    return figures;
  });
}

export function idleFigures(scale: number): Promise<Figure[]> {
  const sessions = scaled(1000, Math.min(scale, 4), 2);
  const collect = `[modules.collect]\nsource = ${JSON.stringify(COLLECT_MODULE)}\n`;
  const measure = async (run: Run) => {
    const figures: Figure[] = [];
    for (const [tls, kind] of KINDS) {
      const seconds = SETTLE_SECONDS * Math.min(scale, 1);
      const { perSession, before } = await run({ load: "idle", tls, seconds });
      if (!tls) figures.push(figure("memory without sessions", "MB", by(1e6, before)));
      figures.push(
        figure(`memory for each of ${sessions} sessions, ${kind}`, "KB", by(1e3, perSession)),
      );
    }
    return figures;
  };
  return withAccounts(sessions + 1, measure, collect);
}

export function presenceFigures(scale: number): Promise<Figure[]> {
  const senders = 4;
  const contacts = scaled(50, Math.min(scale, 1), 2);
  return withAccounts(senders + contacts, async (run) => {
    const seconds = SECONDS * scale;
    const answer = await run({ load: "presence", tls: false, senders, window: 8, seconds });
    return [figure(`copy for one of ${contacts} contacts, plain text`, TIME, answer.perCopy)];
  });
}

export function offlineFigures(scale: number): Promise<Figure[]> {
  return withAccounts(2 * scaled(20, Math.min(scale, 1)), async (run) => {
    const messages = scaled(100, Math.min(scale, 1));
    const seconds = SECONDS * scale;
    const answer = await run({ load: "offline", tls: false, messages, seconds });
    return [
      figure("message stored, plain text", TIME, answer.perStored),
      figure("message replayed, plain text", TIME, answer.perReplayed),
    ];
  });
}

/** One room; `bench rooms` has the parts of it without sockets. */
export function mucFigures(scale: number): Promise<Figure[]> {
  const occupants = scaled(200, Math.min(scale, 10), 2);
  const collect = `[modules.collect]\nsource = ${JSON.stringify(COLLECT_MODULE)}\n`;
  return withAccounts(occupants, async (run) => {
    const figures: Figure[] = [];
    for (const [tls, kind] of KINDS) {
      const answer = await run({ load: "room", tls, seconds: SECONDS * Math.min(scale, 2) });
      const who = `one of ${occupants} occupants, ${kind}`;
      figures.push(figure(`copy of a message for ${who}`, TIME, answer.perCopy));
      figures.push(figure(`presence when all enter, for ${who}`, TIME, answer.perPresence));
      figures.push(
        figure(`until all have entered, ${occupants} occupants, ${kind}`, "s", answer.entering),
      );
      figures.push(figure(`memory for being there, ${who}`, "KB", by(1e3, answer.perOccupant)));
    }
    return figures;
  }, collect);
}

/** Bytes in a larger unit. */
function by(unit: number, bytes: number | null | undefined): number | null {
  return bytes === null || bytes === undefined ? null : bytes / unit;
}

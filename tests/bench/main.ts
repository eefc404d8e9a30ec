/**
 * How fast this server is, measured on this machine: `deno task bench [--json] [--scale F] [NAME...]`.
 *
 * The names are those of `BENCHES`; without one, all run. `--scale 3` takes three times as long and
 * wavers less, `--scale 0.1` is over soon. The table goes to standard output, with `--json` as JSON;
 * what is being measured is told on standard error. No figure makes it fail; the exit code is 0 unless
 * something did not work, and 2 for a mistake in writing.
 */

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { VERSION } from "../../lib/version.ts";
import { type Figure, type Named, table } from "./figure.ts";
import { jidFigures } from "./jid.ts";
import { pubsubFigures } from "./pubsub.ts";
import { routerFigures } from "./router.ts";
import {
  chatFigures,
  idleFigures,
  loginFigures,
  mucFigures,
  offlineFigures,
  presenceFigures,
} from "./sockets.ts";
import { roomFigures } from "./rooms.ts";
import { parserFigures } from "./xml.ts";

const BENCHES: Readonly<Record<string, (scale: number) => Figure[] | Promise<Figure[]>>> = {
  parser: parserFigures,
  jid: jidFigures,
  router: routerFigures,
  chat: chatFigures,
  login: loginFigures,
  idle: idleFigures,
  presence: presenceFigures,
  offline: offlineFigures,
  pubsub: pubsubFigures,
  rooms: roomFigures,
  muc: mucFigures,
};

interface Wishes {
  readonly names: readonly string[];
  readonly scale: number;
  readonly json: boolean;
}

/** What the arguments ask for, or what is wrong with them. */
function wishes(args: readonly string[]): Wishes | string {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: "boolean" }, scale: { type: "string" } },
    });
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
  const { values, positionals } = parsed;
  const scale = Number(values.scale ?? 1);
  if (!(scale > 0 && scale <= 100)) return "--scale is a number above 0 and up to 100";
  const unknown = positionals.find((name) => !Object.hasOwn(BENCHES, name));
  const names = Object.keys(BENCHES);
  if (unknown !== undefined) return `no benchmark "${unknown}"; there are ${names.join(", ")}`;
  const chosen = positionals.length === 0 ? names : names.filter((n) => positionals.includes(n));
  return { names: chosen, scale, json: values.json === true };
}

async function main(args: readonly string[]): Promise<number> {
  const wished = wishes(args);
  if (typeof wished === "string") {
    console.error(wished);
    return 2;
  }
  const figures: Named[] = [];
  for (const bench of wished.names) {
    console.error(`measuring: ${bench}`);
    for (const f of await BENCHES[bench]!(wished.scale)) figures.push({ bench, ...f });
  }
  const about = {
    confab: VERSION,
    deno: Deno.version.deno,
    system: `${Deno.build.os} ${Deno.build.arch}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}`,
    scale: wished.scale,
  };
  if (wished.json) {
    const known = figures.map((f) => ({ ...f, value: f.value ?? null }));
    console.log(JSON.stringify({ ...about, figures: known }, undefined, 2));
  } else {
    console.log(`Confab ${about.confab} on Deno ${about.deno}, ${about.system}\n`);
    console.log(table(figures));
  }
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

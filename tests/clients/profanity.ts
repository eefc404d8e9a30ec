/** Starts profanity with settings and data in a folder of its own. */

import { Terminal } from "./terminal.ts";

/** It waits for what is typed. */
export async function startProfanity(folder: string): Promise<Terminal> {
  const env: Record<string, string> = { HOME: folder, LC_ALL: "C.UTF-8" };
  for (const kind of ["CONFIG", "DATA", "CACHE", "STATE"]) {
    env[`XDG_${kind}_HOME`] = `${folder}/${kind.toLowerCase()}`;
    await Deno.mkdir(`${folder}/${kind.toLowerCase()}/profanity`, { recursive: true });
  }
  const settings = "[notifications]\nmessage=off\n[ui]\nsplash=false\nwrap=false\n";
  await Deno.writeTextFile(`${folder}/config/profanity/profrc`, settings);
  const terminal = await Terminal.start("profanity", env);
  await terminal.shows(/Type '\/help' to show complete help/);
  return terminal;
}

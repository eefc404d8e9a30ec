/** A script in a process of its own, with this repository's configuration. */

export const ROOT = new URL("../../", import.meta.url);

/** Writes `code` to `folder` and starts it; `ROOT` in the code becomes this repository's URL. */
export async function startScript(folder: string, code: string): Promise<Deno.ChildProcess> {
  const script = `${folder}/script-${crypto.randomUUID()}.ts`;
  await Deno.writeTextFile(script, code.replaceAll("ROOT/", ROOT.href));
  const config = new URL("deno.json", ROOT).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-lock", "--config", config, script],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs a script to its end and returns what it printed. */
export async function runScript(folder: string, code: string): Promise<string> {
  const child = await startScript(folder, code);
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

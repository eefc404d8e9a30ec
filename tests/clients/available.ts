/** Which real clients this machine has. */

/** Whether a program runs and ends well. */
async function runs(program: string, ...args: string[]): Promise<boolean> {
  try {
    const command = new Deno.Command(program, { args, stdout: "null", stderr: "null" });
    return (await command.output()).success;
  } catch {
    return false;
  }
}

/** A Python that has slixmpp: the first in the path, or Debian's. */
export async function pythonWithSlixmpp(): Promise<string | undefined> {
  for (const python of ["python3", "/usr/bin/python3"]) {
    if (await runs(python, "-c", "import slixmpp")) return python;
  }
  return skip("tests with slixmpp", "no python3 with slixmpp is installed");
}

/** A Python whose slixmpp can upload files: that needs aiohttp, too. */
export async function pythonWithUpload(): Promise<string | undefined> {
  for (const python of ["python3", "/usr/bin/python3"]) {
    if (await runs(python, "-c", "import slixmpp, aiohttp")) return python;
  }
  return skip("uploads with slixmpp", "no python3 with slixmpp and aiohttp is installed");
}

/** Whether profanity can be driven in tmux. */
export async function hasProfanity(): Promise<boolean> {
  if (!await runs("profanity", "--version")) {
    skip("tests with profanity", "profanity is not installed");
    return false;
  }
  if (await runs("tmux", "-V")) return true;
  skip("tests with profanity", "tmux is not installed");
  return false;
}

/** Says why something is not tested. With CONFAB_NO_SKIPS=1 that is an error. */
function skip(what: string, why: string): undefined {
  if (Deno.env.get("CONFAB_NO_SKIPS") === "1") throw new Error(why);
  console.log(`${what} are skipped: ${why}`);
}

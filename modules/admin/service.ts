/** XEP-0133 §4.30 and §4.31: the end of the service, and its new beginning. */

import type { Deadline } from "../../lib/deadlines.ts";
import { announce } from "./announcements.ts";
import { adminCommand, type AdminHost } from "./command.ts";

/** So that who has asked hears the answer, in seconds. */
const LEAST_SECONDS = 1;

/** What is to come, by the server's control: it is one server for all of its hosts. */
const pending = new WeakMap<object, Deadline>();

const FIELDS = [
  {
    var: "delay",
    type: "list-single",
    label: "In",
    value: "60",
    options: [
      { value: "0", label: "at once" },
      { value: "30", label: "30 seconds" },
      { value: "60", label: "60 seconds" },
      { value: "90", label: "90 seconds" },
      { value: "120", label: "2 minutes" },
      { value: "180", label: "3 minutes" },
      { value: "240", label: "4 minutes" },
      { value: "300", label: "5 minutes" },
    ],
  },
  { var: "announcement", type: "text-multi", label: "Announcement to online users" },
] as const;

export function serviceCommands(host: AdminHost): void {
  for (const how of ["restart", "stop"] as const) {
    const word = how === "restart" ? "restart" : "shutdown";
    host.command({
      ...adminCommand(word),
      name: how === "restart" ? "Restart the server" : "Shut the server down",
      instructions: "It concerns all hosts of the server. A later request replaces an earlier one.",
      allowed: () => host.server.control !== undefined,
      fields: FIELDS,
      run({ delay, announcement = "" }, { from }) {
        const seconds = Math.max(LEAST_SECONDS, Number(delay || "60"));
        host.log.warn(`${word} asked for`, { by: from.bare, seconds });
        if (announcement !== "") announce(host, announcement);
        const control = host.server.control!;
        pending.get(control)?.cancel();
        pending.set(control, host.after(seconds * 1000, () => control[how]()));
        return `${word} in ${seconds} s`;
      },
    });
  }
}

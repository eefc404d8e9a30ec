/** The handle that a module gets on a service of its own, and what it must undo. */

import type { Command, CommandServer } from "./commands.ts";
import { commandOf, COMMANDS_NS } from "./commands.ts";
import type { Host } from "./host.ts";
import { DISCO_INFO_NS, DISCO_ITEMS_NS } from "./formats/disco.ts";
import { discoInfoElement, discoItemsElement } from "./formats/disco.ts";
import { StanzaError } from "./errors.ts";
import { discoItems } from "./hooks/disco.ts";
import { then } from "./later.ts";
import type { IqHandler, IqScope, ServiceHandle } from "./module.ts";
import { Service, serviceDomain } from "./service.ts";
import type { ServiceDisco } from "./service.ts";
import type { Jid } from "./jid.ts";
import type { Stanza } from "./stanza.ts";

const REQUEST_MS = 30_000;

/** Opens a service; `close` makes it vanish. Throws if the domain is taken. */
export function makeService(
  host: Host,
  module: string,
  name: string,
  description: string,
): { handle: ServiceHandle; close: () => void } {
  const { hosts, services, router } = host.server;
  const domain = serviceDomain(name, host.domain);
  const other = services.get(domain);
  if (domain === host.domain || hosts.has(domain)) throw new Error(`${domain} is a host`);
  if (other !== undefined) {
    throw new Error(`${domain} is a service of ${other.host.domain} (module ${other.module})`);
  }
  const service = new Service(host, domain, module);
  services.set(domain, service);
  const unlist = host.hooks.add(discoItems, module, (items, target) => {
    if (target.full !== host.domain || !service.features.has(DISCO_INFO_NS)) return;
    return [...items, { jid: domain, name: description }];
  });
  const register =
    (type: "get" | "set") =>
    (ns: string, payload: string, handler: IqHandler, scope: IqScope = "host") => {
      service.iqs.add(type, ns, payload, { module, handler, scope });
    };
  const handle: ServiceHandle = {
    domain,
    jid: service.jid,
    iq: { get: register("get"), set: register("set") },
    feature: (...namespaces) => {
      for (const ns of namespaces) service.features.add(ns);
    },
    disco: (answers) => registerDisco(service, handle, answers),
    command: (declared: Parameters<typeof commandOf>[1]) => {
      addCommand(service, commandOf(module, declared));
    },
    onStanza: (handler) => {
      service.handler = handler;
    },
    request: (to, type, payload, { ms = REQUEST_MS, from = service.jid } = {}) => {
      const route = (s: Stanza) => void router.route(s);
      return host.requests.send(route, from, to, type, payload, ms);
    },
  };
  return {
    handle,
    close: () => {
      unlist();
      services.delete(domain);
    },
  };
}

/** With the first one at a place comes the handler of their IQs. */
function addCommand(service: Service, command: Command): void {
  const { commands, host, iqs, module } = service;
  const isFirst = !commands.has(command.at);
  commands.add(command);
  if (!isFirst) return;
  const handler: IqHandler = (iq, payload) => {
    if (host.commands.server === undefined) throw new StanzaError("service-unavailable");
    return host.commands.server.execute(commands, iq, payload);
  };
  const scope = command.at === "self" ? "host" : "account";
  iqs.add("set", COMMANDS_NS, "command", { module, handler, scope });
}

/** Who answers service discovery of a node, if it is one of commands that are there. */
function commandServer(service: Service, to: Jid, node: string): CommandServer | undefined {
  const { commands, host: { commands: { server } } } = service;
  if (node === "" || server === undefined) return undefined;
  const isThere = node === COMMANDS_NS ? commands.has(to) : commands.get(to, node) !== undefined;
  return isThere ? server : undefined;
}

function registerDisco(service: Service, handle: ServiceHandle, answers: ServiceDisco): void {
  handle.feature(DISCO_INFO_NS, DISCO_ITEMS_NS);
  const { commands, host } = service;
  const info: IqHandler = (iq, { attrs }) => {
    const { node = "" } = attrs;
    const [to, from] = [iq.to!, iq.from!];
    const server = commandServer(service, to, node);
    const answer = server === undefined
      ? answers.info(to, node, from)
      : server.info(commands, to, node, from);
    return then(answer, (found) => {
      if (found === undefined) throw new StanzaError("item-not-found");
      if (to.node === "" && node === "") {
        for (const f of service.features) found.features.add(f);
      }
      if (node === "" && host.commands.server !== undefined && commands.has(to)) {
        found.features.add(COMMANDS_NS);
      }
      return discoInfoElement(found, attrs.node);
    });
  };
  const items: IqHandler = (iq, query) => {
    const { node = "" } = query.attrs;
    const [to, from] = [iq.to!, iq.from!];
    const server = commandServer(service, to, node);
    if (server !== undefined) {
      return then(server.items(commands, to, node, from), (found) => {
        if (found === undefined) throw new StanzaError("item-not-found");
        return discoItemsElement(found, node);
      });
    }
    return then(answers.items(to, node, from, query), (found) => {
      if (found === undefined) throw new StanzaError("item-not-found");
      const element = discoItemsElement(found.items, query.attrs.node);
      return found.set === undefined ? element : element.append(found.set);
    });
  };
  for (const scope of ["host", "account"] as const) {
    handle.iq.get(DISCO_INFO_NS, "query", info, scope);
    handle.iq.get(DISCO_ITEMS_NS, "query", items, scope);
  }
}

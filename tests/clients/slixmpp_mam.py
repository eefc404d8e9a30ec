"""A client on slixmpp that reads its archive, a line of JSON for all that it has found.

Arguments: JID PASSWORD HOST PORT CERTIFICATE CONTACT. The certificate is the only one that is trusted.
"""

import asyncio
import json
import sys

import slixmpp


class Reader(slixmpp.ClientXMPP):
    def __init__(self, jid, password, certificate, contact):
        super().__init__(jid, password)
        self.ca_certs = certificate
        self.contact = contact
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0313")
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("failed_auth", lambda _: tell(event="failed_auth"))

    async def started(self, _):
        # The event loop itself holds tasks weakly.
        self.reading = asyncio.ensure_future(self.read())

    async def read(self):
        own = self.boundjid.bare
        mam = self["xep_0313"]
        info = await self["xep_0030"].get_info(jid=own)
        features = sorted(f for f in info["disco_info"]["features"] if "mam" in f)
        tell(event="features", features=features)
        form = await mam.get_fields(jid=own)
        tell(event="fields", fields=[name for name in form.get_fields()])
        metadata = (await mam.get_archive_metadata(jid=own))["mam_metadata"]
        tell(event="metadata", first=metadata["start"]["id"], last=metadata["end"]["id"])
        tell(event="all", bodies=[b async for b in self.bodies(rsm={"max": 10})])
        tell(event="back", bodies=[b async for b in self.bodies(rsm={"max": 7}, reverse=True)])
        tell(event="with", bodies=[b async for b in self.bodies(with_jid=self.contact)])
        await self.disconnect()

    async def bodies(self, **query):
        async for result in self["xep_0313"].iterate(jid=self.boundjid.bare, **query):
            yield result["mam_result"]["forwarded"]["stanza"]["body"]


def tell(**event):
    print(json.dumps(event), flush=True)


def main():
    jid, password, host, port, certificate, contact = sys.argv[1:]
    reader = Reader(jid, password, certificate, contact)
    reader.connect((host, int(port)))
    reader.process(forever=False)


main()

"""A client on slixmpp in rooms: prints what it sees, and does what it is told, a line of JSON each.

Arguments: JID PASSWORD HOST PORT CERTIFICATE. The certificate is the only one that is trusted.

What an order brings comes back as an event with the order's name, or as `refused` with the condition
of the error. slixmpp 1.8.3 knows older forms of moderation and retraction, and nothing of hats: these
few elements are made and read here, all else is its plugins'.
"""

import asyncio
import json
import sys
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp import JID
from slixmpp.exceptions import XMPPError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

CLIENT = "jabber:client"
HATS = "urn:xmpp:hats:0"
MODERATE = "urn:xmpp:message-moderate:1"
OCCUPANT = "urn:xmpp:occupant-id:0"
REGISTER = "jabber:iq:register"
RETRACT = "urn:xmpp:message-retract:1"

PLUGINS = ("0004", "0030", "0045", "0050", "0054", "0077", "0153", "0199", "0249", "0313", "0359", "0421")


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password, certificate):
        super().__init__(jid, password)
        self.ca_certs = certificate
        for number in PLUGINS:
            self.register_plugin(f"xep_{number}")
        self["xep_0077"].create_account = False
        self.muc = self["xep_0045"]
        for name, handler in {
            "session_start": self.started,
            "groupchat_presence": self.in_room,
            "groupchat_subject": lambda m: tell_message("subject", m, text=m["subject"]),
            "groupchat_config_status": lambda m: tell_message("status", m, codes=codes_of(m)),
            "groupchat_invite": self.invited,
            "groupchat_direct_invite": self.directly_invited,
        }.items():
            self.add_event_handler(name, handler)
        # Its own events do not come for avatars of rooms, nor for messages without a body.
        update = StanzaPath("presence/vcard_temp_update")
        self.register_handler(Callback("Avatars of rooms", update, self.avatar))
        self.register_handler(Callback("All messages", StanzaPath("message"), self.message))

    async def started(self, _):
        self.send_presence()
        # The event loop itself holds tasks weakly.
        self.obeying = asyncio.ensure_future(self.obey())
        tell(event="online", jid=self.boundjid.full)

    # ---- what it sees ----

    def in_room(self, presence):
        muc = presence["muc"]
        item = muc.get_plugin("item", check=True)
        destroy = muc.get_plugin("destroy", check=True)
        tell_message(
            "presence",
            presence,
            available=presence["type"] != "unavailable",
            role=muc["role"],
            affiliation=muc["affiliation"],
            real=str(muc["jid"]),
            new=item["nick"] if item is not None else "",
            reason=item["reason"] if item is not None else "",
            destroyed=destroy["reason"] if destroy is not None else "",
            hats=",".join(hat.get("title") for hat in presence.xml.iter(f"{{{HATS}}}hat")),
            codes=codes_of(presence),
        )

    def message(self, message):
        retract = message.xml.find(f"{{{RETRACT}}}retract")
        if message["type"] == "error":
            tell_message("error", message, condition=message["error"]["condition"])
        elif retract is not None and message["type"] == "groupchat":
            moderated = retract.find(f"{{{MODERATE}}}moderated")
            tell_message(
                "retracted",
                message,
                id=retract.get("id"),
                by="" if moderated is None else moderated.get("by"),
                reason=retract.findtext(f"{{{RETRACT}}}reason", ""),
            )
        elif message["body"]:
            tell_message(
                "message",
                message,
                type=message["type"],
                body=message["body"],
                id=message["stanza_id"]["id"],
                by=message["stanza_id"]["by"],
            )
        elif message.xml.find("{jabber:x:data}x") is not None:
            fields = message.xml.iter("{jabber:x:data}field")
            tell_message("request", message, values={f.get("var"): f.findtext("{*}value", "") for f in fields})

    def invited(self, message):
        invite = message["muc"]["invite"]
        tell_message("invited", message, by=str(invite["from"]), reason=invite["reason"])

    def directly_invited(self, message):
        invite = message["groupchat_invite"]
        tell_message("directly invited", message, room=invite["jid"], reason=invite["reason"])

    def avatar(self, presence):
        if presence["from"].resource == "":
            tell_message("avatar", presence, hash=presence["vcard_temp_update"]["photo"])

    # ---- what it does ----

    async def obey(self):
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        self.pipe = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            order = json.loads(line)
            what = order.pop("do")
            if "room" in order:
                order["room"] = JID(order["room"])
            try:
                found = await getattr(self, what)(**order)
                tell(event=what, **(found or {}))
            except XMPPError as e:
                tell(event="refused", what=what, condition=e.condition, text=e.text)
            except Exception as e:
                tell(event="failed", what=what, why=f"{type(e).__name__}: {e}")
        self.disconnect()

    async def enter(self, room, nick, **more):
        try:
            presence, subject, _, _ = await self.muc.join_muc_wait(room, nick, timeout=10, **more)
        except XMPPError:
            # Otherwise it takes itself to be there.
            del self.muc.rooms[room]
            raise
        nicks = sorted(self.muc.get_roster(room))
        return {"nicks": nicks, "subject": subject["subject"], "codes": codes_of(presence)}

    async def leave(self, room):
        self.muc.leave_muc(room, self.muc.our_nicks[room])

    async def configure(self, room, values):
        form = await self.muc.get_room_config(room)
        fields = form.get_fields()
        unknown = [name for name in values if name not in fields]
        form.reply()
        form.set_values({name: field["value"] for name, field in fields.items()} | values)
        await self.muc.set_room_config(room, form)
        return {"fields": list(fields), "unknown": unknown}

    async def say(self, room, body, **more):
        self.send_message(mto=room, mbody=body, mtype="groupchat")

    async def whisper(self, room, nick, body):
        self.send_message(mto=f"{room}/{nick}", mbody=body, mtype="chat")

    async def subject(self, room, text):
        self.muc.set_subject(room, text)

    async def nick(self, room, nick):
        self.send_presence(pto=f"{room}/{nick}")
        self.muc.our_nicks[room] = nick

    async def role(self, room, nick, role, reason=""):
        await self.muc.set_role(room, nick, role, reason=reason)

    async def affiliation(self, room, jid, affiliation, reason=""):
        await self.muc.set_affiliation(room, affiliation, jid=JID(jid), reason=reason)

    async def affiliations(self, room, affiliation):
        found = await self.muc.get_affiliation_list(room, affiliation)
        return {"jids": sorted(str(jid) for jid in found)}

    async def ask_voice(self, room):
        self.muc.request_voice(room, "participant")

    async def invite(self, room, jid, reason):
        self.muc.invite(room, JID(jid), reason)

    async def invite_directly(self, room, jid, reason):
        self["xep_0249"].send_invitation(JID(jid), room, reason=reason)

    async def register(self, room, nick):
        asked = await self["xep_0077"].get_registration(jid=room)
        form = asked["register"]["form"]
        fields = form.get_fields()
        form.reply()
        form.set_values({"FORM_TYPE": fields["FORM_TYPE"]["value"], "muc#register_roomnick": nick})
        iq = self.make_iq_set(ito=room)
        iq["register"].append(form)
        await iq.send()
        again = await self["xep_0077"].get_registration(jid=room)
        return {"registered": again["register"]["registered"], "nick": again["register"]["username"]}

    async def paint(self, room, photo):
        """A photo for the room (XEP-0486), and what is read back of it."""
        await self["xep_0153"].set_avatar(jid=room, avatar=photo.encode(), mtype="image/png")
        card = (await self["xep_0054"].get_vcard(jid=room))["vcard_temp"]
        return {"photo": card["PHOTO"]["BINVAL"].decode(), "type": card["PHOTO"]["TYPE"]}

    async def hat(self, room, command, values):
        """Runs a command of XEP-0317 with a form."""
        adhoc, node = self["xep_0050"], f"urn:xmpp:hats:commands:{command}"
        answer = (await adhoc.send_command(room, node))["command"]
        form = answer["form"]
        form.reply()
        form.set_values({"FORM_TYPE": "urn:xmpp:hats:commands"} | values)
        more = {"action": "complete", "sessionid": answer["sessionid"], "payload": form}
        done = await adhoc.send_command(room, node, **more)
        return {"status": done["command"]["status"]}

    async def moderate(self, room, id, reason):
        request = ET.Element(f"{{{MODERATE}}}moderate", {"id": id})
        ET.SubElement(request, f"{{{RETRACT}}}retract")
        ET.SubElement(request, f"{{{MODERATE}}}reason").text = reason
        iq = self.make_iq_set(ito=room)
        iq.append(request)
        await iq.send()

    async def retract(self, room, id):
        message = self.make_message(mto=room, mtype="groupchat")
        message.append(ET.Element(f"{{{RETRACT}}}retract", {"id": id}))
        message.send()

    async def archive(self, room):
        found = []
        async for result in self["xep_0313"].iterate(jid=room, rsm={"max": 5}):
            message = result["mam_result"]["forwarded"]["stanza"]
            if message.xml.find(f"{{{RETRACT}}}retracted") is not None:
                found.append(f"{message['from'].resource} -")
            elif message["body"]:
                found.append(f"{message['from'].resource} {message['body']}")
        return {"lines": found}

    async def discover(self, room):
        info = (await self["xep_0030"].get_info(jid=room))["disco_info"]
        names = [name for _, _, _, name in info["identities"]]
        return {"features": sorted(info["features"]), "name": names[0]}

    async def rooms(self, service):
        items = (await self["xep_0030"].get_items(jid=service))["disco_items"]["items"]
        return {"jids": sorted(str(jid) for jid, _, _ in items)}

    async def ping(self, room):
        """Whether it is still in the room, as XEP-0410 asks it."""
        await self["xep_0199"].ping(JID(self.muc.get_our_jid_in_room(room)), timeout=10)

    async def destroy(self, room, reason):
        await self.muc.destroy(room, reason)


def codes_of(stanza):
    return " ".join(str(code) for code in sorted(stanza["muc"]["status_codes"]))


def tell_message(name, stanza, **more):
    occupant = stanza.xml.find(f"{{{OCCUPANT}}}occupant-id")
    late = stanza.xml.find("{urn:xmpp:delay}delay") is not None
    tell(
        event=name,
        **{"from": str(stanza["from"])},
        occupant="" if occupant is None else occupant.get("id"),
        late=late,
        **more,
    )


def tell(**event):
    print(json.dumps(event), flush=True)


def main():
    jid, password, host, port, certificate = sys.argv[1:]
    client = Client(jid, password, certificate)
    client.connect((host, int(port)))
    client.process(forever=False)


main()

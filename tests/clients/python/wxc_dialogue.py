"""wxc-sdk 1.41.0 against the cloud's public API, and through it a device. Argument: http or https.

Source: protocol/xapi.md 12, 14 item 5.
"""

from __future__ import annotations

import sys
from functools import partial

from steps import end, equal, ready, refused, step
from wxc_sdk import WebexSimpleApi
from wxc_sdk.device_configurations import DeviceConfigurationOperation as Operation
from wxc_sdk.rest import RestError, RestSession
from wxc_sdk.workspaces import Workspace

CLOUD, DEVICE = ready("CLOUD"), ready("DEVICE")
RestSession.BASE = f"{CLOUD[sys.argv[1]]}/v1"
KEY = "Audio.DefaultVolume"


def status_of(error: RestError) -> int:
    return int(error.response.status_code)


def main() -> None:
    api = WebexSimpleApi(tokens=CLOUD["admin_token"], verify=CLOUD["ca"] if sys.argv[1] == "https" else True)
    with step("devices by capability"):
        devices = [one for one in api.devices.list(capability="xapi") if one.display_name == "Huddle 1"]
        equal([(one.connection_status, one.product.removeprefix("Cisco "), one.product_type) for one in devices],
              [("connected", "Room Bar", "roomdesk")])  # fmt: skip
        device_id = devices[0].device_id
    with step("devices by filters that fit none"):
        equal(list(api.devices.list(product="Cisco Room Kit")), [])
        equal(list(api.devices.list(tag="nothing has this tag")), [])
    with step("details"):
        details = api.devices.details(device_id=device_id)
        equal((details.display_name, details.serial, details.software.startswith("ce26.4.")),
              ("Huddle 1", devices[0].serial, True))  # fmt: skip
        equal(status_of(refused(RestError, lambda: api.devices.details(device_id="nope"))), 404)
    with step("tags"):
        api.devices.modify_device_tags(device_id=device_id, op="add", value=["first floor"])
        equal([one.device_id for one in api.devices.list(tag="first floor")], [device_id])
        api.devices.modify_device_tags(device_id=device_id, op="remove")
        equal(list(api.devices.list(tag="first floor")), [])
    with step("workspaces, and an activation code for one"):
        made = api.workspaces.create(settings=Workspace.create(display_name="Huddle 2"))
        equal("Huddle 2" in [one.display_name for one in api.workspaces.list()], True)
        code = api.devices.activation_code(workspace_id=made.workspace_id)
        equal((len(code.code), code.code.isdecimal()), (16, True))
        api.workspaces.delete_workspace(workspace_id=made.workspace_id)
        equal(status_of(refused(RestError, lambda: api.workspaces.details(workspace_id=made.workspace_id))), 404)
    with step("status of two names"):
        answer = api.xapi.query_status(device_id=device_id, name=["Audio.Volume", "Standby.State"])
        equal((answer.device_id, answer.result), (device_id, {"Audio": {"Volume": 50}, "Standby": {"State": "Off"}}))
    with step("status with wildcards and elements"):
        found = api.xapi.query_status(
            device_id=device_id, name=["Video.Input.Connector[1].Connected", "Audio.Microphones.*"]
        ).result
        equal(found["Video"]["Input"]["Connector"], [{"Connected": "True", "id": 1}])
        equal(found["Audio"]["Microphones"]["Mute"], "Off")
        equal(api.xapi.query_status(device_id=device_id, name=["No.Such"]).result, {})
        names = [f"Audio.Volume{number}" for number in range(11)]
        equal(status_of(refused(RestError, lambda: api.xapi.query_status(device_id=device_id, name=names))), 400)
    with step("commands"):
        answer = api.xapi.execute_command("Audio.Volume.Set", device_id, arguments={"Level": 31})
        equal((answer.device_id, answer.result), (device_id, {}))
        equal(api.xapi.query_status(device_id=device_id, name=["Audio.Volume"]).result, {"Audio": {"Volume": 31}})
        equal(api.xapi.execute_command("Audio.Volume.Set", device_id, arguments={"Level": 50}).result, {})
    with step("commands that are refused"):
        error = refused(RestError, lambda: api.xapi.execute_command("No.Such", device_id))
        equal((status_of(error), error.detail.message), (400, "[Command 'No.Such' not supported]"))
        error = refused(RestError, lambda: api.xapi.execute_command("Audio.Volume.Set", device_id))
        equal(status_of(error), 400)
        error = refused(RestError, lambda: api.xapi.execute_command("Audio.Volume.Set", "nope", arguments={"Level": 1}))
        equal(status_of(error), 404)
    with step("a command with a body"):
        panel = "<Extensions><Panel><PanelId>p9</PanelId><Name>æøå</Name></Panel></Extensions>"
        save = "UserInterface.Extensions.Panel.Save"
        equal(api.xapi.execute_command(save, device_id, arguments={"PanelId": "p9"}, body=panel).result, {})
        listed = api.xapi.execute_command("UserInterface.Extensions.List", device_id).result
        equal("p9" in str(listed), True)
        api.xapi.execute_command("UserInterface.Extensions.Panel.Remove", device_id, arguments={"PanelId": "p9"})
    with step("configurations"):
        items = api.device_configurations.list(device_id=device_id, key=KEY).items
        found = items[KEY]
        equal((list(items), found.value, found.source), ([KEY], 50, "default"))
        equal(
            (found.sources.default.editability.reason, found.sources.configured.editability.is_editable),
            ("FACTORY_DEFAULT", True),
        )
        equal(found.value_space, {"type": "integer", "minimum": 0, "maximum": 100})
        several = api.device_configurations.list(device_id=device_id, key="Audio.*").items
        equal((KEY in several, all(key.startswith("Audio.") for key in several)), (True, True))
        everything = api.device_configurations.list(device_id=device_id).items
        equal(len(everything) > 100, True)
        equal([key for key in everything if key.endswith(("Password", "Passphrase"))], [])
    with step("a configuration is replaced and removed"):
        answer = api.device_configurations.update(device_id, [Operation(op="replace", key=KEY, value=62)])
        equal((answer.items[KEY].value, answer.items[KEY].source), (62, "configured"))
        equal(len(answer.items) > 100, True)
        equal(api.device_configurations.list(device_id=device_id, key=KEY).items[KEY].value, 62)
        answer = api.device_configurations.update(device_id, [Operation(op="remove", key=KEY)])
        equal((answer.items[KEY].value, answer.items[KEY].source), (50, "default"))
    with step("configurations that are refused"):
        for key, value in ((KEY, 101), ("No.Such", 1)):
            one = partial(api.device_configurations.update, device_id, [Operation(op="replace", key=key, value=value)])
            equal(status_of(refused(RestError, one)), 400)
        equal(api.device_configurations.list(device_id=device_id, key=KEY).items[KEY].value, 50)
    with step("a wrong token"):
        stranger = WebexSimpleApi(tokens="nonsense", verify=CLOUD["ca"] if sys.argv[1] == "https" else True)
        error = refused(RestError, lambda: stranger.xapi.query_status(device_id=device_id, name=["Audio.Volume"]))
        equal((status_of(error), error.response.headers["Trackingid"].startswith("ROUTERGW_")), (401, True))


main()
end()

"""A web page in the browser of somebody who runs Lens without access control."""

from tests.attack import wire
from tests.attack.case import Case
from tests.attack.scene import STATUS, Scene


class Rebinding(Case):
    """A name of the page's own that means 127.0.0.1."""

    name = "rebinding"
    row = 23
    who = "a web page"
    what = "--auth none takes any Host and Origin"
    settings = {"auth": "none"}
    others = False
    stands_alone = True

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Ask as a browser would."""
        local = f"127.0.0.1:{scene.port}"
        foreign = {
            "Host evil.example": {"Host": f"evil.example:{scene.port}"},
            "Host 127.0.0.1.evil.example": {"Host": "127.0.0.1.evil.example"},
            "Origin https://evil.example": {"Host": local, "Origin": "https://evil.example"},
            "Origin null": {"Host": local, "Origin": "null"},
        }
        problems = []
        for what, fields in foreign.items():
            answer = await wire.ask(scene.port, wire.request(STATUS, None, fields))
            if answer.status == 200:
                problems.append(f"{what} is answered")
        for host in (local, f"localhost:{scene.port}"):
            answer = await wire.ask(scene.port, wire.request(STATUS, None, {"Host": host}))
            if answer.status != 200:
                problems.append(f"Host {host} gets {answer.status}")
        return problems

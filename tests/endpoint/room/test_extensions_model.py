"""Panels and widgets against a model."""

from __future__ import annotations

from desk import REMOVE, ROOT, SAVE, SET, VALUE, Desk, document, panel, widget
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from endpoint.room.extensions import SavedPanel

_PANELS = st.sampled_from(["p", "q", "r"])
_WIDGETS = st.sampled_from(["a", "b", "c", "d"])


class PanelsAndWidgets(RuleBasedStateMachine):
    """Panels as sets of toggles; the model says which widgets there are, and what each shows."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.panels: dict[str, frozenset[str]] = {}
        self.numbers: dict[str, int] = {}
        self.values: dict[str, str] = {}
        self.next = 1
        self.seen: dict[int, str] = {}

    def _settle(self, order: list[str]) -> None:
        there = set().union(*self.panels.values())
        self.numbers = {name: number for name, number in self.numbers.items() if name in there}
        for name in order:
            if name not in self.numbers:
                self.numbers[name], self.next = self.next, self.next + 1
                self.values[name] = ""

    @rule(panel_id=_PANELS, widgets=st.lists(_WIDGETS, unique=True, max_size=4))
    def save(self, panel_id: str, widgets: list[str]) -> None:
        self.desk.save(panel_id, *map(widget, widgets))
        self.panels[panel_id] = frozenset(widgets)
        self._settle(widgets)

    @rule(panel_id=_PANELS)
    def remove(self, panel_id: str) -> None:
        if panel_id in self.panels:
            self.desk.call(REMOVE, PanelId=panel_id)
            del self.panels[panel_id]
            self._settle([])
        else:
            self.desk.refused(REMOVE, PanelId=panel_id)

    @rule(panels=st.dictionaries(_PANELS, st.lists(_WIDGETS, unique=True, max_size=2), max_size=3))
    def set_all(self, panels: dict[str, list[str]]) -> None:
        body = document(*(panel(*map(widget, found), panel_id=name) for name, found in panels.items()))
        self.desk.call(SET, body, ConfigId="1")
        self.panels = {name: frozenset(found) for name, found in panels.items()}
        self._settle([name for found in panels.values() for name in found])

    @rule(name=_WIDGETS, value=st.sampled_from(["on", "off", "x"]))
    def set_value(self, name: str, value: str) -> None:
        if name in self.numbers and value != "x":
            self.desk.call(VALUE, WidgetId=name, Value=value)
            self.values[name] = value
        else:
            self.desk.refused(VALUE, WidgetId=name, Value=value)

    @rule(panel_id=_PANELS)
    def open(self, panel_id: str) -> None:
        if panel_id in self.panels:
            self.desk.call(f"{ROOT} Panel Open", PanelId=panel_id)
            assert self.desk.extensions.opened == (panel_id, "page_1")

    @rule()
    def fail_to_store(self) -> None:
        self.desk.is_disk_full = True
        self.desk.refused(SAVE, document(panel(widget("a"))), PanelId="p")
        self.desk.is_disk_full = False

    @precondition(lambda self: self.desk.kept)
    @rule()
    def restart(self) -> None:
        """Every widget is there again, with a number of its own and without a value."""
        self.desk = Desk(*self.desk.kept[-1])
        self.desk.store(tuple(SavedPanel(xml=found.xml) for found in self.desk.extensions.panels.values()))
        order = [name for found in self.desk.extensions.panels.values() for name in found.widgets]
        self.numbers, self.next, self.seen = {}, 1, {}
        self._settle(order)

    @invariant()
    def shows_the_model(self) -> None:
        assert {name: frozenset(found.widgets) for name, found in self.desk.extensions.panels.items()} == self.panels
        expected: dict[str, str] = {}
        for name, number in self.numbers.items():
            expected |= {f"{number} WidgetId": name, f"{number} Value": self.values[name]}
        assert self.desk.widgets == expected

    @invariant()
    def a_number_never_changes_hands(self) -> None:
        for name, number in self.numbers.items():
            assert self.seen.setdefault(number, name) == name

    @invariant()
    def what_is_open_is_there(self) -> None:
        opened = self.desk.extensions.opened
        assert opened is None or opened[0] in self.panels


TestPanelsAndWidgets = PanelsAndWidgets.TestCase

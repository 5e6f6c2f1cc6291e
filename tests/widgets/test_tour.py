"""Tours: stops are found by what a teacher calls them, and words never become markup."""

from __future__ import annotations

import copy
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import traitlets

import gradlab_widgets as gw
from gradlab_widgets import Stop
from gradlab_widgets.tour import Tour, parsed


class Line:
    """A small program: loss = ((w * x + b) ** 2).sum(), and its names in sight."""

    def __init__(self, gl: Any) -> None:
        self.w = gl.tensor(3.0, requires_grad=True)
        self.b = gl.tensor(1.0, requires_grad=True)
        self.guess = self.w * gl.tensor([1.0, 2.0]) + self.b
        self.loss = (self.guess**2).sum()

    def tour(self, *stops: Stop, title: str = "") -> Tour:
        w, b, guess, loss = self.w, self.b, self.guess, self.loss  # the names that are in sight
        assert all(x is not None for x in (w, b, guess))
        return gw.tour(loss, stops, title)


@pytest.fixture
def line(gl: Any) -> Line:
    return Line(gl)


def node_at(tour: Tour, stop: int) -> tuple[str, str]:
    """Kind and name of the node that a stop selects."""
    tour.stop = stop
    assert tour.trace is not None
    assert tour.selected is not None
    nodes = tour.trace.nodes
    return nodes.kind[tour.selected], nodes.name[tour.selected] or nodes.title[tour.selected]


# ---------------------------------------------------------------------- where a stop is


@pytest.mark.parametrize(
    ("select", "found"),
    [
        ("w", ("leaf", "w")),
        ("b", ("leaf", "b")),
        ("w.grad", ("accumulate", "w")),
        ("guess", ("op", "guess")),
        ("loss", ("root", "loss")),
        ("×", ("op", "×")),
        ("mul", ("op", "×")),
        ("MulBackward0", ("op", "×")),
        ("Pow", ("op", "pow")),
        ("sum", ("root", "loss")),
        (0, ("leaf", "w")),
    ],
)
def test_a_stop_selects_by_name_operation_or_row(
    line: Line, select: Any, found: tuple[str, str]
) -> None:
    assert node_at(line.tour(Stop(select=select)), 0) == found


def test_a_stop_selects_tensors_and_nodes_of_the_graph(line: Line) -> None:
    chosen = [line.w, line.guess, line.loss, line.loss.grad_fn, line.guess.grad_fn]
    tour = line.tour(*(Stop(select=x) for x in chosen))
    assert [node_at(tour, i) for i in range(len(chosen))] == [
        ("leaf", "w"),
        ("op", "guess"),
        ("root", "loss"),
        ("root", "loss"),
        ("op", "guess"),
    ]


@pytest.mark.parametrize(
    ("step", "position"),
    [(0, -1), (1, 0), (3, 2), (-1, 6), (-7, 0), ("pow", 2), ("sum", 1), ("b", 4), ("w.grad", 6)],
)
def test_a_stop_stands_at_a_step_by_its_number_or_by_what_runs(
    line: Line, step: Any, position: int
) -> None:
    tour = line.tour(Stop(step=step))
    assert tour.trace is not None
    assert len(tour.trace.steps) == 7
    assert tour.position == position


def test_a_stop_without_a_step_stays_where_the_last_one_stood(line: Line) -> None:
    tour = line.tour(Stop(), Stop(step=4), Stop(select="w"), Stop())
    positions = []
    for stop in range(4):
        tour.stop = stop
        positions.append((tour.position, tour.selected))
    assert positions == [(-1, None), (3, None), (3, 0), (3, None)]


@pytest.mark.parametrize("where", ["select", "step"])
@pytest.mark.parametrize("name", ["q", "guess.grad", "", "W", "mul.grad", "<b>"])
def test_a_name_that_is_not_there_is_refused_with_those_that_are(
    line: Line, where: str, name: str
) -> None:
    told = re.escape(
        f"tour(x, stops): stop 2: nothing in this trace is called {name!r}. There are the "
        "variables w, b, guess, loss, each leaf's .grad, and the operations mul, add, pow, sum."
    )
    with pytest.raises(ValueError, match=told):
        line.tour(Stop(), Stop(**{where: name}))


def test_a_name_of_several_nodes_is_refused_with_their_rows(gl: Any) -> None:
    a = gl.tensor(2.0, requires_grad=True)
    out = gl.sin(gl.sin(a))
    told = re.escape("2 nodes are called 'sin'; give the row of the one you mean: 2 (sin []), 3 (")
    with pytest.raises(ValueError, match=told):
        gw.tour(out, [Stop(select="sin")])
    assert gw.tour(out, [Stop(select=2)]).selected == 2


@pytest.mark.parametrize(
    ("stop", "error", "told"),
    [
        (Stop(step=8), ValueError, "there is no step 8; this pass has 7"),
        (Stop(step=-8), ValueError, "there is no step -8; this pass has 7"),
        (Stop(step=1.0), TypeError, "step is to be a number or a name, but got float"),  # type: ignore[arg-type]
        (Stop(step=True), TypeError, "step is to be a number or a name, but got bool"),
        (Stop(select=99), ValueError, "there is no node 99; the trace has 8 nodes"),
        (Stop(select=-1), ValueError, "there is no node -1"),
        (Stop(select=[1]), TypeError, "select is to be a name, a row, a tensor or a node"),
        (Stop(words=3), TypeError, "stop 1: words is to be text, but got int"),  # type: ignore[arg-type]
        (Stop(ask="Why?"), ValueError, "ask and answer belong together"),
        (Stop(answer="So."), ValueError, "ask and answer belong together"),
        (Stop(ask="Why?", answer=r"$\foo$"), ValueError, r"stop 1: answer: \foo in the formula"),
        ("words", TypeError, "stops is to be a list of Stop, but got str in it"),
    ],
)
def test_a_stop_that_is_none_is_refused(
    line: Line, stop: Any, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=re.escape(told)):
        line.tour(stop)


def test_no_stops_are_no_tour(line: Line) -> None:
    with pytest.raises(ValueError, match="there is no stop"):
        line.tour()


def test_a_tensor_of_another_graph_is_refused(line: Line, gl: Any) -> None:
    stranger = gl.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="what it selects is not in the graph"):
        line.tour(Stop(select=stranger * 2))


def test_recorded_passes_and_traces_are_toured_by_names(line: Line) -> None:
    loss = line.loss
    with gw.record() as recorded:
        loss.backward()
    for x in (recorded, recorded.trace, gw.Trace.from_json(recorded.trace.to_json())):
        tour = gw.tour(x, [Stop(step="mul", select="mul")])
        assert node_at(tour, 0) == ("op", "×")
        with pytest.raises(TypeError, match="a recorded pass keeps no tensors and no nodes"):
            gw.tour(x, [Stop(select=line.loss)])


def test_what_did_not_run_has_no_step(gl: Any) -> None:
    a = gl.tensor(2.0, requires_grad=True)
    drawn = gw.graph(gl.sin(a)).trace
    assert drawn is not None
    with pytest.raises(ValueError, match="'sin' does not run in this pass"):
        gw.tour(drawn, [Stop(step="sin")])


# ---------------------------------------------------------------------- the words


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ("", []),
        ("  \n\n ", []),
        ("one", [[("", "one")]]),
        ("one\ntwo\n \n\nthree", [[("", "one two")], [("", "three")]]),
        ("a `w * x` b", [[("", "a "), ("code", "w * x"), ("", " b")]]),
        ("*a* **b c**", [[("em", "a"), ("", " "), ("strong", "b c")]]),
        ("2 * a * b, 5 ** 2", [[("", "2 * a * b, 5 ** 2")]]),
        ("$5 and $6, $", [[("", "$5 and $6, $")]]),
        (r"\*a\* \$x\$ \`b\` \\ \n", [[("", "*a* $x$ `b` \\ \\n")]]),
        ("<b>x</b> &amp; `<i>`", [[("", "<b>x</b> &amp; "), ("code", "<i>")]]),
        ("`$x$` `*a*`", [[("code", "$x$"), ("", " "), ("code", "*a*")]]),
        ("[a](b) ![c](d) # e", [[("", "[a](b) ![c](d) # e")]]),
        ("a\x00\ud800", [[("", "a\ufffd\ufffd")]]),
    ],
)
def test_words_are_read(words: str, runs: Any) -> None:
    assert [[tuple(run) for run in paragraph] for paragraph in parsed(words)] == runs


def formula_in(words: str) -> ElementTree.Element:
    ((style, markup),) = parsed(words)[0]
    assert style == "math"
    return ElementTree.fromstring(markup)


@pytest.mark.parametrize(
    ("latex", "inside", "display"),
    [
        (r"$\frac{a}{b}$", "ab", "inline"),
        (r"$$\frac{a}{b}$$", "ab", "block"),
        ("$x$", "x", "inline"),
        ("$a < b$", "a<b", "inline"),
        (r"$\color{red}{x}$", "x", "inline"),
        (r"$\href{javascript:alert(1)}{x}$", "x", "inline"),
    ],
)
def test_formulas_become_mathml_and_nothing_else(latex: str, inside: str, display: str) -> None:
    root = formula_in(latex)
    assert "".join(root.itertext()) == inside
    assert root.attrib == {"display": display}
    for element in root.iter():
        assert not set(element.attrib) - {"display", "stretchy"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (r"$\foo$", r"\foo in the formula $\foo$ isn't known"),
        ("$x^2_$", "the formula $x^2_$ can't be read (NoAvailableTokensError)"),
        (r"$\text{<img src=x>}$", "can't be read"),
        (r"$\text{<b>x</b>}$", "b in the formula"),
        ("$\alpha$", r"Python has taken a backslash in '\x07lpha' for its own; put an r before"),
        ("a $x \tanh$", r"Python has taken a backslash in '$x \tanh' for its own"),
        ("$2\rho$", r"Python has taken a backslash in '\rho'"),
        ("$\frac{1}{2}$", r"Python has taken a backslash in '\x0crac'"),
    ],
)
def test_a_formula_that_cannot_be_set_is_refused(words: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parsed(words)


HOSTILE = "<script>alert(1)</script> `</script><img src=x onerror=alert(2)>` *<b onclick=x>*"


def test_markup_in_words_stays_text_in_every_form(line: Line, tmp_path: Path) -> None:
    tour = line.tour(Stop(HOSTILE), title="<img src=x onerror=alert(3)>")
    page = tour.save(tmp_path / "tour.html").read_text("utf-8")
    for html in (tour.still(), tour.paper(), page):
        assert "<img src=x" not in html
        assert "<b onclick" not in html
        assert html.count("&lt;script&gt;alert(1)") == 1
    assert page.count("<script") == page.count("</script") == 3


def test_the_teachers_guide_shows_what_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (Path(__file__).parents[2] / "docs/teaching.md").read_text("utf-8")
    example = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0]
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "user"}
    exec(compile(example, "teaching.md", "exec"), namespace)
    shown = namespace["shown"]
    assert shown.payload["tour"]["position"] == [-1, 2, 4, 7]
    assert (tmp_path / "tour.html").exists()


# ---------------------------------------------------------------------- the widget


@pytest.fixture
def tour(line: Line) -> Tour:
    return line.tour(
        Stop("First."),
        Stop(r"Then $\frac{a}{b}$.", step="pow", select="pow"),
        Stop("Last.", step=-1, select="w.grad"),
        title="A line",
    )


def test_the_payload_is_the_trace_and_the_stops(tour: Tour) -> None:
    assert tour.trace is not None
    assert {k: v for k, v in tour.payload.items() if k != "tour"} == tour.trace.to_json()
    stops = json.loads(json.dumps(tour.payload["tour"]))
    assert stops["title"] == "A line"
    assert stops["position"] == [-1, 2, 6]
    assert stops["selected"][0] is None
    assert stops["words"][0] == [[["", "First."]]]
    assert [run[0] for run in stops["words"][1][0]] == ["", "math", ""]


def test_setting_the_stop_goes_there(tour: Tour) -> None:
    tour.stop = 2
    assert (tour.position, tour.selected) == (6, tour.payload["tour"]["selected"][2])
    tour.position = 0
    tour.stop = 1
    assert tour.position == 2


@pytest.mark.parametrize("stop", [-1, 3, 1.5, True, "1", None])
def test_a_stop_that_is_not_there_is_refused(tour: Tour, stop: Any) -> None:
    with pytest.raises(traitlets.TraitError):
        tour.stop = stop
    before = copy.copy(tour.get_state(["stop", "position"]))
    tour.set_state({"stop": stop})
    assert tour.get_state(["stop", "position"]) == before


def test_the_browser_may_go_to_a_stop_and_leave_it(tour: Tour) -> None:
    chosen = tour.payload["tour"]["selected"][1]
    tour.set_state({"stop": 1, "position": 2, "selected": chosen})
    tour.set_state({"position": 5})
    assert (tour.stop, tour.position, tour.selected) == (1, 5, chosen)
    tour.set_state({"stop": 2, "payload": {}})
    assert tour.stop == 1


def test_other_widgets_have_no_stop(line: Line) -> None:
    shown = gw.step(line.loss)
    shown.set_state({"stop": 0})
    assert "stop" not in shown.get_state()


def test_without_a_script_all_of_it_is_there_to_read(tour: Tour) -> None:
    html = tour.still()
    assert re.findall("<h3>(.*?)</h3>", html) == [
        "Stop 1",
        "Stop 2 · step 3 of 7",
        "Stop 3 · step 7 of 7",
    ]
    assert html.count("<img") == 3
    assert "Then <em>a / b</em>." in html
    assert "<mfrac>" in tour.paper()
    bundle = tour._repr_mimebundle_()
    assert bundle is not None
    assert bundle[0]["text/html"] == html
    assert bundle[0]["text/plain"] == "<A line: a tour of 3 stops>"


def test_questions_are_asked_and_answered(line: Line) -> None:
    tour = line.tour(Stop("Words."), Stop(ask="Why *so*?", answer="Because.\n\nIndeed."))
    stops = tour.payload["tour"]
    assert stops["ask"] == [[], [[["", "Why "], ["em", "so"], ["", "?"]]]]
    assert stops["answer"] == [[], [[["", "Because."]], [["", "Indeed."]]]]
    for html in (tour.still(), tour.paper()):
        assert "<p>Why <em>so</em>?</p><p>Because.</p><p>Indeed.</p>" in html


def test_a_page_of_a_tour_holds_the_stop_it_was_saved_at(tour: Tour, tmp_path: Path) -> None:
    tour.stop = 1
    path = tour.save(str(tmp_path / "tour.html"))
    page = path.read_text("utf-8")
    assert "<title>A line: a tour of 3 stops</title>" in page
    found = re.search(r'<script type="application/json" id="state">(.*?)</script>', page, re.S)
    assert found is not None
    state = json.loads(found[1])
    assert {k: state[k] for k in ("view", "stop", "position", "selected")} == {
        "view": "tour",
        "stop": 1,
        "position": 2,
        "selected": tour.selected,
    }
    assert state["payload"] == tour.payload

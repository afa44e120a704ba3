"""Selectors in CEL: what the library makes of Kubernetes' maps and functions, and what it can't tell.

``tests/programs/oracle`` compares many more with Kubernetes' own library.
"""

import subprocess
import sys
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.model.fit.dra.cel.library import EvaluationError, Program, Verdicts, compiled
from lens.model.fit.dra.cel.text import prepare
from lens.model.fit.dra.cel.tokens import UnsupportedError
from lens.model.fit.dra.devices import Attribute, Capacity, Device, Kind
from lens.model.fit.dra.matching import matches
from tests.profiles import full_or

GPU = "gpu.example.com"
DEVICE = Device(
    "gpu-0",
    Kind(
        (
            Attribute("index", "int", 2),
            Attribute("other.com/fast", "bool", True),
            Attribute("product", "string", "H100"),
            Attribute("version", "version", "1.2.3-rc.1+build"),
        ),
        (Capacity("memory", 80 * 2**30),),
    ),
)


def ask(expression: str, device: Device = DEVICE) -> bool:
    return matches(expression, device, GPU)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        (f"device.driver == '{GPU}' && device.attributes['{GPU}'].product == 'H100'", True),
        ("device.attributes['other.com'].fast", True),
        ("has(device.attributes['absent.com'].x)", False),
        ("'absent.com' in device.attributes", False),
        ("size(device.attributes) == 2", True),
        ("device.attributes.exists(domain, domain == 'other.com')", True),
        (f"device.attributes['{GPU}'].exists(name, name == 'index')", True),
        (f"device.attributes[device.driver][ 'index' ] == 2 // '{GPU}'", True),
        (f"device.attributes['{GPU}'].?absent.orValue(7) == 7", True),
        ("device.attributes[?'absent.com'].?x.hasValue()", False),
        (f"cel.bind(own, device.attributes['{GPU}'], own.index == 2 && own.product.startsWith('H'))", True),
        (f"device.capacity['{GPU}'].memory.compareTo(quantity('80Gi')) == 0", True),
        (f"device.capacity['{GPU}'].memory == quantity('81920Mi')", True),
        (f"device.attributes['{GPU}'].version.isLessThan(semver('1.2.3'))", True),
        (f"device.attributes['{GPU}'].version == semver('1.2.3-rc.1+other')", True),
        (f"device.attributes['{GPU}'].absent == 1 || true", True),
        ("device.allowMultipleAllocations", False),
        ("'device.attributes' == \"device.attributes\"", True),
        ("'a . b'.size() == 5 && 'a // b'.size() == 6", True),
        ("'H . 100'.matches('H . 1') && !'H.100'.matches('H . 1')", True),
        (f"device.attributes['{GPU}'] . index > .5 // and so on", True),
        (f"device.attributes['{GPU}'].`product` == 'H100'", True),
        (f"device.attributes.`{GPU}`.`product` == 'H100'", True),
        (f"device.attributes['{GPU}'].?`absent`.orValue(7) == 7", True),
        ("has(device.allowMultipleAllocations) && has(device.driver) && has( device . capacity )", True),
    ],
)
def test_a_selector_sees_a_device_as_kubernetes_shows_it(expression: str, found: bool) -> None:
    assert ask(expression) is found


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("device.attributes['absent.com'].x == 1", "no such key: x"),
        (f"device.attributes['{GPU}'].index > 'a'", "overload"),
        (f"device.attributes['{GPU}'].product", "not bool"),
        ("quantity('x') == quantity('1')", "not a quantity"),
        ("1 / 0 == 1", "zero"),
        (f"device.attributes['{GPU}'].product.x == 1", "SELECT"),
    ],
)
def test_an_error_of_cel_is_one(expression: str, text: str) -> None:
    with pytest.raises(EvaluationError, match=text):
        ask(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "device",
        "cel.bind(all, device.attributes, all['x'].y)",
        "device.foo == 1",
        "device.driver == 1",
        "device.driver",
        "has(device.foo)",
        ".device.attributes['absent.com'].x == 1 || true",
        "'x' in .device.attributes['absent.com']",
        "1 ==\u00a01",
        "unknown == 1",
        "device.attributes['a'",
        "'abc'.find('b') == 'b'",
        "(" * 300 + "true" + ")" * 300,
        "x" * 10_241,
        f"device.attributes['{GPU}'].version == '1.2.3'",
        "cel.bind(b0, [1], "
        + "".join(f"cel.bind(b{n + 1}, b{n} + b{n}, " for n in range(20))
        + "true"
        + ")" * 21,
        "optional.of('a')" + ".optFlatMap(b, optional.of(b + b))" * 20 + ".hasValue()",
        "[1, 2].exists(k, k == 1) && cel.bind(a, 7, a == 7)",
        "![1, 2].all(k, k == 2) && optional.of(7).optMap(a, a == 7).value()",
        "cel.bind(b, [1, 2].exists(k, k == 1), cel.bind(a, 7, a == 7 && b))",
        "".join(f"[1,2,3,4,5,6,7,8,9,10].all(a{number}," for number in range(6)) + "true" + ")" * 6,
        # Each is within the library's own bounds, and holds up everything else for half a second.
        f"[{'1,' * 2400}1].map(x, [{'1,' * 2400}1]).size() > 0",
        f"{'[1,2,3,4,5,6,7,8].all(a, ' * 4}[{'1,' * 400}1].size() > 0{')' * 4}",
        f"sets.contains([{'1,' * 400}1], [{'1,' * 400}1])",
        f"sets.equivalent('{'b' * 512}'.split(''), '{'b' * 512}'.split(''))",
        f"'{'a' * 300}'.replace('a', '{'b' * 300}') == ''",
        "'a,b'.split(',').all(x, 'a,b'.split(',').size() == 2)",
        f"{'[1,2,3,4,5,6,7,8].all(a, ' * 4}'a'.matches('{'(a|b)?' * 60}'){')' * 4}",
    ],
)
def test_what_cannot_be_compiled_or_is_too_much_is_unknown(expression: str) -> None:
    with pytest.raises(UnsupportedError):
        ask(expression)


@pytest.mark.parametrize("expression", ['"' + r"\"" * 5000, "device.driver == 'a", "r'"])
def test_a_text_that_is_not_closed_is_told_at_once(expression: str) -> None:
    with pytest.raises(UnsupportedError, match="a text isn't closed"):
        prepare(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "[1==" * 1700 + "1" + "]" * 1700,
        "[==" * 3400,
        "1" + "]==1" * 2500,
        "a)" + "[1]" * 2500 + "==a)[1]" * 300,
        "a" + ".orValue(1)" * 900 + "==1",
        "device.attributes[" * 500 + "'d'" + "]" * 500 + ".x == 1",
    ],
)
def test_what_is_nested_deep_takes_no_long_time(expression: str) -> None:
    start = process_time()
    with pytest.raises(UnsupportedError):
        ask(expression)
    assert process_time() - start < 1  # 0.1 s; to look from each operator to the end would take 3 s


@pytest.mark.parametrize(
    "expression",
    [
        f"device.attributes['{GPU}'].exists(name, name.startsWith('prod') && 'H100'.matches('^H[12]00$'))",
        "'a,b'.split(',').exists(x, x == 'b')",
        "sets.contains([1, 2, 3], [1])",
        "cel.bind(a, 7, [1, 2].exists(k, k == 1) && a == 7) && [3, 4].exists(k, k == 3)",
        "[1, 2].filter(k, k == 1).map(k, k)[0] == 1 && cel.bind(a, 7, a == 7)",
        f"[{','.join(map(str, range(500)))}].exists(x, x == 499 && device.driver == '{GPU}')",
    ],
)
def test_what_selectors_go_through_is_within_the_bounds(expression: str) -> None:
    assert ask(expression)


def test_what_is_kept_of_all_expressions_is_bounded() -> None:
    """Whoever may ask about fit may send as many as they like."""
    kept = Verdicts(10)
    programs = [Program(f"device.driver != '{number}'") for number in range(6)]
    for program in programs:
        for number in range(5):
            kept.keep(program, number, (True, None))
            assert program.verdicts[number] == (True, None)
    assert sum(len(program.verdicts) for program in programs) <= 10


def test_an_attribute_without_a_value_is_an_error_whoever_looks_at_it() -> None:
    device = Device("odd", Kind((*DEVICE.attributes, Attribute("zero", "", ""))))
    with pytest.raises(EvaluationError, match="zero: unsupported attribute value"):
        ask("true", device)


def test_devices_that_look_the_same_to_a_selector_are_asked_about_once() -> None:
    expression = f"device.attributes['{GPU}'].product == 'H100' && 1 == 1"
    program = compiled(expression)
    assert not isinstance(program, Exception)
    product = Attribute("product", "string", "H100")  # as read: equal attributes are one object
    for index in range(100):
        attributes = (product, Attribute("uuid", "string", f"GPU-{index}"))
        assert ask(expression, Device(f"gpu-{index}", Kind(attributes)))
    assert len(program.verdicts) == 1
    assert not prepare(f"device.attributes['{GPU}'].all(name, name != 'uuid')").names_only


@pytest.mark.parametrize(
    "expression",
    [
        "quantity('1000m') == quantity('1') && quantity('1.5Gi') == quantity('1536Mi')",
        "quantity('0.1n') == quantity('1n') && quantity('-0.1n') == quantity('-1n')",
        "quantity('10E').isLessThan(quantity('20E')) && quantity('10Ei') == quantity('20Ei')",
        "isQuantity('.') && isQuantity('Gi') && !isQuantity('Ei') && !isQuantity('1K')",
        "quantity('1Gi').isInteger() && !quantity('1.5').isInteger() && !quantity('10E').isInteger()",
        "quantity('1').add(2).asInteger() == 3 && quantity('1500m').add(1).compareTo(quantity('2.5')) == 0",
        f"device.capacity['{GPU}'].memory.asInteger() == 85899345920",
        "'ab'.indexOf('b', 100) == -1 && 'ab'.indexOf('', 100) == 2",
        "'abab'.lastIndexOf('ab', 1) == 0 && 'ab'.lastIndexOf('b', 2) == -1",
        "'a'.lastIndexOf('ab', 0) == -1",
        r"'\u001ca'.trim() != 'a' && '\u2003a\t\u0085'.trim() == 'a'",
        "isSemver('1.2.3-18446744073709551615') && !isSemver('1.2.3-18446744073709551616')",
    ],
)
def test_functions_return_what_those_of_kubernetes_do(expression: str) -> None:
    assert ask(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "quantity('1000m').isInteger()",
        "quantity('1.0').asInteger() == 1",
        "quantity('1.5Gi').isInteger()",
        "quantity('9223372036854775807').isInteger()",
        "quantity('1500m').add(quantity('500m')).isInteger()",
        "quantity('10E').sub(quantity('9E')).isInteger()",
        "isQuantity('1e999')",
        f"isQuantity('1e{'0' * 300}1')",
        f"quantity('{'1' * 300}') == quantity('1')",
        "quantity('2') == quantity('1').add(1)",
        f"device.capacity['{GPU}'].disk.isInteger()",
    ],
)
def test_what_the_value_of_a_quantity_does_not_tell_is_unknown(expression: str) -> None:
    large = Kind(DEVICE.attributes, (Capacity("disk", 100 * 2**40),))
    with pytest.raises(UnsupportedError):
        ask(expression, Device("large", large))


WRITTEN = f"device.attributes['{GPU}']"


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        (f"{WRITTEN}.product == 'H100' && device.attributes[device.driver].index + 1 > 0", True),
        (f"{WRITTEN}['product'] == 'H100' || 'index' in {WRITTEN}", True),
        (f"{WRITTEN}.?product.orValue('').startsWith('H') && {WRITTEN}[?'x'].hasValue()", True),
        (f"['H100', 'H200'].exists(p, {WRITTEN}.product == p)", True),
        (f"cel.bind(own, {WRITTEN}, own.index < 3 && has(own.product) && !('x' in own))", True),
        (f"cel.bind(own, {WRITTEN}, cel.bind(also, own, also.index == 1))", True),
        (f"cel.bind(own, {WRITTEN}, cel.bind(also, own, also == own))", False),
        (f"'pro' + 'duct' in {WRITTEN}", False),
        (f"'PRODUCT'.lowerAscii() in {WRITTEN}", False),
        (f"{WRITTEN}['pro' + 'duct'] == 'H100'", False),
        (rf"'\x70roduct' in {WRITTEN}", False),
        (rf"{WRITTEN}['p\162oduct'] == 'H100'", False),
        (f"cel.bind(own, {WRITTEN}, own[own.which] == 1)", False),
        (f"cel.bind(own, {WRITTEN}, own == {{}})", False),
        (f"device.attributes[?'{GPU}'].value() == {{}}", False),
        (f"[{WRITTEN}, {{}}][0] == {{}}", False),
        (f"size({WRITTEN}) == 3", False),
        ("device.attributes.size() == 1", False),
    ],
)
def test_what_a_selector_looks_at_is_told_by_names_only_where_its_text_has_them(
    expression: str, told: bool
) -> None:
    assert prepare(expression).names_only is told


NAMES = ("product", "which", "index")
DOMAINS = st.sampled_from([WRITTEN, "device.attributes[device.driver]", f"device.attributes.`{GPU}`"])
KEYS = st.sampled_from(
    [
        *(form.format(name) for name in NAMES for form in ("'{0}'", "r'{0}'", "'x{0}'.substring(1)")),
        *(r"'\x70roduct'", "'PRODUCT'.lowerAscii()", "['product'][0]", f"{WRITTEN}.which"),
    ]
)
ENTRIES = st.one_of(
    st.builds("{0}[{1}] == 'H100'".format, DOMAINS, KEYS),
    st.builds("{1} in {0}".format, DOMAINS, KEYS),
    st.builds("cel.bind(own, {0}, own[{1}] != 'H100')".format, DOMAINS, KEYS),
    st.builds("{0}.?product.orValue('') == {0}[{1}]".format, DOMAINS, KEYS),
    st.builds("{0} == {{}}".format, DOMAINS),
)
LOOKS = st.tuples(
    st.sampled_from([None, "H100", "H200"]), st.sampled_from([None, "product", "index"]), st.booleans()
).map(
    lambda each: Kind(
        (
            *((Attribute("index", "int", 1),) if each[2] else ()),
            *(
                Attribute(name, "string", value)
                for name, value in (("product", each[0]), ("which", each[1]))
                if value is not None
            ),
        )
    )
)


def said(expression: str, kind: Kind) -> bool | str:
    try:
        return ask(expression, Device("gpu-0", kind))
    except EvaluationError as error:
        return str(error)


@given(ENTRIES, ENTRIES, st.sampled_from(["&&", "||"]), st.lists(LOOKS, min_size=2, max_size=5))
@settings(max_examples=full_or(40, 400))
def test_a_verdict_that_is_kept_is_the_one_that_a_device_gets_alone(
    left: str, right: str, operator: str, kinds: list[Kind]
) -> None:
    expression = f"{left} {operator} {right}"
    compiled.cache_clear()
    together = [said(expression, kind) for kind in kinds]
    for kind, answer in zip(kinds, together, strict=True):
        compiled.cache_clear()
        assert said(expression, kind) == answer


@pytest.mark.parametrize(
    "expression",
    [
        f"{WRITTEN}.version == '1.2.3'",
        f"{WRITTEN}['version'] != 1",
        f"{WRITTEN}[r'ver' + 'sion'] == 1",
        f"{WRITTEN}.?version.orValue('') == '1.2.3'",
        f"{WRITTEN}.`version` == {WRITTEN}.product",
        f"cel.bind(own, {WRITTEN}.version, own == '1.2.3')",
        f"[{WRITTEN}.version].exists(each, each == '1.2.3')",
        f"semver('1.2.3') == {WRITTEN}.product",
        f"({WRITTEN}.version) == 1",
        f"{WRITTEN}.version in ['1', '2']",
    ],
)
def test_a_version_that_is_compared_with_something_else_is_an_error_that_the_library_lacks(
    expression: str,
) -> None:
    with pytest.raises(UnsupportedError, match="what it compares may be an error"):
        ask(expression)


@pytest.mark.parametrize(
    "expression",
    [
        f"{WRITTEN}.version == semver('1.2.3-rc.1')",
        f"semver('1.2.3-rc.1') == {WRITTEN}.version && {WRITTEN}.version == {WRITTEN}.version",
        f"cel.bind(own, {WRITTEN}.version, own == semver('1.2.3-rc.1'))",
        f"{WRITTEN}.version.major() == 1 && {WRITTEN}.product == 'H100'",
        f"{WRITTEN}.version.major() == 1 && ['H100'].exists(each, each == {WRITTEN}.product)",
        f"cel.bind(own, {WRITTEN}.product, own == 'H100') && has({WRITTEN}.version)",
        f"'1.2.3' != {WRITTEN}.version && {WRITTEN}.?absent.orValue('x') == 'x'",
        f"{WRITTEN}.product.split('1')[0] == 'H' && {WRITTEN}.version.minor() == 2",
    ],
)
def test_what_is_no_version_or_compared_with_one_is_told_beside_it(expression: str) -> None:
    assert ask(expression)


def test_the_library_is_not_loaded_before_a_selector_is_compiled() -> None:
    code = "import sys, lens.model.fit.answer.answer; sys.exit('cel_expr_python' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

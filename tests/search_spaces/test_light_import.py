import subprocess
import sys

HEAVY = ("numpy", "scipy", "pandas", "pydantic", "keras", "ray", "mlflow", "sklearn", "tensorflow", "jax")
SCRIPT = f"""
import sys
from search_spaces import make_strategy, parse_space
space = parse_space({{"rate": {{"reciprocal": [1e-4, 1e-2]}}, "kind": ["a", "b"]}})
for kind in ("random", "genetic"):
    make_strategy({{"type": kind}}, space, 0).ask(3)
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_search_spaces_need_only_the_standard_library():
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"

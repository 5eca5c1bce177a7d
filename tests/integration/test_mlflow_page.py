"""The page that a finished sweep names, served by ``kerasweep ui`` and opened in a real browser."""

from __future__ import annotations

import html
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small_folder import Folder, small_sweep

BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)


@contextmanager
def served(folder: Folder) -> Iterator[str]:
    """``kerasweep ui`` on a port of its own; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = folder.start("ui", "--port", str(port))
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 90
        while True:
            assert process.poll() is None
            assert time.monotonic() < end
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{address}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def words_of(page: str, profile: Path) -> str:
    """The text of a page once its scripts have run."""
    command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-proxy-server", f"--user-data-dir={profile}"]
    for _ in range(3):  # virtual time may be over before a busy server has answered
        done = subprocess.run(
            [*command, "--virtual-time-budget=60000", "--dump-dom", page], capture_output=True, text=True, timeout=180, check=True
        )
        bare = re.sub(r"<(style|script)\b.*?</\1>", " ", done.stdout, flags=re.DOTALL)
        words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())
        if "Logged models" in words:
            break
    return words


@pytest.mark.skipif(BROWSER is None, reason="needs a browser: apt-get install -y chromium")
def test_the_printed_page_is_the_sweeps_run_with_its_model_its_config_and_its_duration(
    make_folder: Callable[[str], Folder], tmp_path: Path
) -> None:
    folder = make_folder("page")
    folder.write(small_sweep(space={"learning_rate": [0.05]}, ray={"local": True}, model={"register_as": "tumours"}))
    printed = folder.run("run", "sweep.yaml").splitlines()[-1]
    assert printed.startswith("Browse it:  kerasweep ui --uri ")
    page = printed.split()[-1]
    with served(folder) as address:
        words = words_of(page.replace("http://127.0.0.1:5000", address), tmp_path / "profile")
    assert "small/manual-1" in words
    assert "Runs Models Traces Model registry" in words  # the menu of model training
    assert "Evaluation runs" not in words  # the other mode's
    assert re.search(r"Logged models \(1\).* Output 0 .*small .*Ready", words)
    assert "Registered models tumours v1" in words
    assert "best.learning_rate 0.05" in words
    seconds = re.search(r"\bseconds (\d+\.\d+)", words)
    duration = re.search(r"Duration (?:(\d+)min)? ?(\d+(?:\.\d+)?)s|Duration (\d+\.\d+)min", words)
    assert seconds is not None, words
    assert duration is not None, words
    shown = float(duration[3]) * 60 if duration[3] else 60 * float(duration[1] or 0) + float(duration[2])
    assert float(seconds[1]) == pytest.approx(shown, abs=4)

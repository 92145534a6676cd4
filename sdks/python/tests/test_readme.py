"""The programs: that of README.md, and the examples."""

import re
import subprocess
import sys
from pathlib import Path

from support import LONG, PeerTest

SDK = Path(__file__).resolve().parents[1]


class Programs(PeerTest):
    def test_the_program_of_the_readme(self):
        readme = (SDK / "README.md").read_text(encoding="utf-8")
        program, printed = (re.search(rf"```{kind}\n(.*?)```", readme, re.DOTALL).group(1) for kind in ("python", "text"))
        ran = self.run_program(program)
        self.assertEqual((ran.stdout, ran.stderr), (printed, ""))

    def test_what_the_page_wrote_is_there_afterwards(self):
        page = subprocess.Popen(
            [sys.executable, "-W", "error", str(SDK / "examples/page.py"), "till-7", "http://127.0.0.1:9"], cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        doc_id = page.stdout.readline().strip()
        page.communicate(timeout=LONG)
        self.assertEqual(page.returncode, 0)
        self.assertEqual(self.open("till-7").store.collection("people").find_by_id(doc_id)["name"], "Susan")

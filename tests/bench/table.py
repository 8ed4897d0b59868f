"""A generated task table of the size and shape of SWE-Lancer's diamond sample, for where that is not at hand.

The numbers are the sample's: 140 manager tasks with 640 proposals of about 1,400 characters, 104 IC tasks,
descriptions of about 2,300 characters, 4.6 MB in all.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

# How many manager tasks have how many proposals.
TASKS_BY_PROPOSALS = {2: 16, 3: 29, 4: 22, 5: 38, 6: 18, 7: 7, 8: 7, 9: 2, 12: 1}
IC_TASKS = 104
# Deciles of the length of a proposal.
PROPOSAL_LENGTHS = (289, 544, 852, 1006, 1196, 1430, 1727, 2127, 2807, 3800)
COLUMNS = (
    "question_id variant price price_limit manager_data manager_commit acceptable_folders cwd set title description"
    " proposals"
).split()
WORDS = (
    "the composer keeps its focus when a thread is opened twice so we read `isFocused` before the effect runs "
    "and the list isn't rendered again — \n ## Proposal \n * What changes\n"
).split(" ")


def _prose(dice: random.Random, length: int) -> str:
    words: list[str] = []
    size = 0
    while size < length:
        word = dice.choice(WORDS)
        words.append(word)
        size += len(word) + 1
    return " ".join(words)[:length]


def _escaped(text: str) -> str:
    """As the table's text columns have it: line ends and quotes as literal escapes."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("'", "\\'")


def _manager_row(dice: random.Random, number: int, proposals: int) -> list[str]:
    texts = [_prose(dice, dice.choice(PROPOSAL_LENGTHS)) for _ in range(proposals)]
    title = f"Generated task {number}"
    description = _prose(dice, 2300)
    data = {
        "all_proposals": [{"author": f"a{i}", "comment_url": None, "full_text": t} for i, t in enumerate(texts)],
        "game": {
            "all_formal_proposals": [
                {"id": i, "source_url": f"https://example.org/{number}#{i}", "content": t, "explanation": "why"}
                for i, t in enumerate(texts)
            ],
            "correct_proposal": {
                "id": dice.randrange(proposals),
                "approval_comment_url": f"https://example.org/{number}#approval",
                "explanation": _prose(dice, 300),
            },
            "correct_proposal_scraped_beforehand": None,
        },
        "price": 1000.0,
        "title": title,
        "issue_repo_steps": description,
        "html_description": description,
        "fix_commit_hash": f"{number:040x}",
    }
    shown = "\n\n".join(f"Proposal: {i}:\n\n{t}" for i, t in enumerate(texts))
    return [
        f"{10000 + number}-manager-0", "swe_manager", "1000.0", "2000000.0", repr(data), f"{number:040x}", "[]",
        "/app/expensify", "diamond", title, _escaped(description), _escaped(shown),
    ]  # fmt: skip


def _ic_row(dice: random.Random, number: int) -> list[str]:
    name = f"{20000 + number}_1"
    return [
        name, "ic_swe", "500.0", "2000000.0", "", "", f"['{name}']", "/app/expensify", "diamond",
        f"Generated task {name}", _escaped(_prose(dice, 2200)), "",
    ]  # fmt: skip


def write(path: Path) -> None:
    """Writes the table, the same at every call."""
    dice = random.Random(1)
    sizes = [size for size, tasks in TASKS_BY_PROPOSALS.items() for _ in range(tasks)]
    rows = [_manager_row(dice, number, size) for number, size in enumerate(sizes)]
    rows += [_ic_row(dice, number) for number in range(IC_TASKS)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)

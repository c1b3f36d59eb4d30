"""What an Eventhouse holds after a death, against what it had acknowledged."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MARKED = "marked/"


@dataclass
class Told:
    """What the lives so far have tried and what was acknowledged: batches, generations, and the last word on a view."""

    tried: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    generations_tried: int = 0
    generations_done: int = 0
    view: bool | None = False

    def hear(self, lines: Iterable[str]) -> None:
        """Take in what one life has told."""
        for line in lines:
            match line.split():
                case [("try" | "done") as how, "generation", number]:
                    reached = f"generations_{'tried' if how == 'try' else 'done'}"
                    setattr(self, reached, max(getattr(self, reached), int(number)))
                case ["try", "view"] | ["try", "no", "view"]:
                    self.view = None
                case ["done", "view"]:
                    self.view = True
                case ["done", "no", "view"]:
                    self.view = False
                case ["try", batch]:
                    self.tried.add(batch)
                case ["done", batch]:
                    self.done.add(batch)


@dataclass(frozen=True)
class Found:
    """What is there: for each batch its rows and how many differ, the same of `Large`, the mark, generations, views.

    `views` has for each view the rows in which it differs from its query.
    """

    batches: Mapping[str, tuple[int, int]]
    large: Mapping[str, int]
    mark: int | None
    generations: Mapping[int, int]
    views: Mapping[str, int]


@dataclass(frozen=True)
class Sizes:
    """How many rows a batch has, how many of them policies pass on, and how many a generation has."""

    batch: int
    large: int
    generation: int


def judge(told: Told, found: Found, sizes: Sizes) -> Sequence[str]:
    """Return what is wrong, a line for each kind."""
    marked = sorted(int(batch.removeprefix(MARKED)) for batch in found.batches if batch.startswith(MARKED))
    large = dict.fromkeys(found.batches, sizes.large) if sizes.large else {}
    kinds: dict[str, Collection[object]] = {
        "acknowledged, and lost": told.done - set(found.batches),
        "stored in part": {batch for batch, (_, distinct) in found.batches.items() if distinct < sizes.batch},
        "stored twice": {batch for batch, (rows, distinct) in found.batches.items() if rows > distinct},
        "never sent": set(found.batches) - told.tried,
        "not passed on by the policy as it was": {
            batch for batch in {*large, *found.large} if large.get(batch) != found.large.get(batch)
        },
        "marked up to another place than stored": {found.mark} - {len(marked) or None},
        "a gap in what is marked": set(marked) ^ set(range(1, len(marked) + 1)),
        "not one whole generation": set(found.generations.items())
        if len(found.generations) > 1 or set(found.generations.values()) - {sizes.generation}
        else set(),
        "another generation than acknowledged": {
            generation
            for generation in found.generations or {0}
            if not told.generations_done <= generation <= told.generations_tried
        },
        "views that differ from their queries": {f"{name}: {rows} rows" for name, rows in found.views.items() if rows},
        "a view that is there, or not, against what was acknowledged": {"Backfilled"}
        if told.view is not None and told.view != ("Backfilled" in found.views)
        else set(),
    }
    return [f"{len(each)} {kind}: {', '.join(sorted(map(str, each))[:5])}" for kind, each in kinds.items() if each]

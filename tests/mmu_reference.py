"""An MMU written as plainly as possible, to compare the fast one with: dicts, lists, and no cleverness."""

from __future__ import annotations

from collections import OrderedDict


class Cache:
    """Sets of keys in order of use (the next to go first), or a tree of bits a set."""

    def __init__(self, entries, ways, policy):
        self.number, self.ways, self.policy = entries // ways, ways, policy
        self.sets = [OrderedDict() for _ in range(self.number)]
        self.slots = [[None] * ways for _ in range(self.number)]
        self.trees = [{} for _ in range(self.number)]

    def get(self, number, key):
        at = number % self.number
        if self.policy == "tree-plru":
            for way, held in enumerate(self.slots[at]):
                if held is not None and held[0] == key:
                    self._away(at, way)
                    return held[1]
            return None
        if key not in self.sets[at]:
            return None
        if self.policy == "lru":
            self.sets[at].move_to_end(key)
        return self.sets[at][key]

    def fill(self, number, key, value):
        at = number % self.number
        if self.policy == "tree-plru":
            way = self.slots[at].index(None) if None in self.slots[at] else self._pointed(at)
            self.slots[at][way] = (key, value)
            self._away(at, way)
            return
        assert key not in self.sets[at]
        if len(self.sets[at]) == self.ways:
            self.sets[at].popitem(last=False)
        self.sets[at][key] = value

    def drop(self, doomed):
        gone = 0
        for at in range(self.number):
            for key in [it for it in self.sets[at] if doomed(it)]:
                del self.sets[at][key]
                gone += 1
            for way, held in enumerate(self.slots[at]):
                if held is not None and doomed(held[0]):
                    self.slots[at][way] = None
                    gone += 1
        return gone

    def _away(self, at, way):
        low, high, path = 0, self.ways, ""
        while high - low > 1:
            middle = (low + high) // 2
            right = way >= middle
            self.trees[at][path] = not right
            low, high, path = (middle, high, path + "r") if right else (low, middle, path + "l")

    def _pointed(self, at):
        low, high, path = 0, self.ways, ""
        while high - low > 1:
            middle = (low + high) // 2
            right = self.trees[at].get(path, False)
            low, high, path = (middle, high, path + "r") if right else (low, middle, path + "l")
        return low


class Page:
    def __init__(self, backing, level):
        self.backing, self.level = backing, level
        self.resident = self.dirty = self.swapped = False
        self.entries = []
        self.came = 0  # how often it came into a frame


class Entry:
    def __init__(self, page, process, first, **rights):
        self.page, self.process, self.first = page, process, first
        self.present = self.dirty = self.lent = False
        self.__dict__.update(rights)
        page.entries.append(self)


class Policy:
    """The pages in frames, the next to leave first; of ``clock`` in a circle with a hand."""

    def __init__(self, name, frames):
        self.name, self.frames, self.pages, self.free, self.hand = name, frames, [], [], 0
        self.used = set()

    def use(self, page):
        if page in self.pages:
            if self.name == "lru":
                self.pages.remove(page)
                self.pages.append(page)
            self.used.add(page)
            return None
        self.used.discard(page)
        full = self.frames is not None and len(self.pages) - len(self.free) == self.frames
        if self.name == "clock":
            return self._turn(page) if full else self._settle(page)
        self.pages.append(page)
        return self.pages.pop(0) if full else None

    def _settle(self, page):
        if self.free:
            self.pages[self.free.pop()] = page
        else:
            self.pages.append(page)

    def _turn(self, page):
        while True:
            at, self.hand = self.hand, (self.hand + 1) % len(self.pages)
            if self.pages[at] not in self.used:
                victim, self.pages[at] = self.pages[at], page
                return victim
            self.used.discard(self.pages[at])

    def remove(self, page):
        if page in self.pages and self.name == "clock":
            self.free.append(self.pages.index(page))
            self.pages[self.free[-1]] = None
        elif page in self.pages:
            self.pages.remove(page)


class Reference:
    def __init__(self, geometry, *, tlb, tagged, walk_cache, frames, policy, demand, times):
        self.geometry, self.last = geometry, geometry.levels - 1
        self.first = {name: Cache(*shape) for name, shape in tlb.items()}
        self.tagged, self.demand, self.times = tagged, demand, times
        self.walk_cache = [Cache(*shape) for shape in walk_cache]
        self.policy = Policy(policy, frames)
        self.entries, self.regions, self.tables = {}, {}, {}
        self.current = 0
        self.counts = dict.fromkeys(
            [
                "itlb_hits",
                "itlb_misses",
                "dtlb_hits",
                "dtlb_misses",
                "second_tlb_hits",
                "second_tlb_misses",
                "walks",
                "walk_references",
                "walk_cache_hits",
                "walk_cache_misses",
                "minor_faults",
                "major_faults",
                "copies",
                "reuses",
                "evictions",
                "clean_drops",
                "dirty_write_backs",
                "protection_faults",
                "unmapped_faults",
                "context_switches",
                "flushes",
                "accesses",
            ],
            0,
        )

    def count(self, name, by=1):
        self.counts[name] += by

    def shift(self, level):
        return sum(self.geometry.bits_per_level[level + 1 :])

    def add_process(self, process):
        self.entries[process], self.regions[process], self.tables[process] = {}, [], set()

    def switch(self, process):
        if process != self.current:
            self.current = process
            self.count("context_switches")
            if not self.tagged and (self.first or self.walk_cache):
                self.count("flushes")
                self.forget(lambda space, level, first: space != "all")
                for cache in self.walk_cache:
                    cache.drop(lambda key: True)

    def forget(self, doomed):
        for tlb in self.first.values():
            tlb.drop(lambda key: doomed(*key))

    def forget_page(self, entry):
        level = entry.page.level
        self.forget(
            lambda s, lv, n: s in (entry.process, "all") and (lv, n) == (level, entry.first >> self.shift(level))
        )

    def entry_of(self, process, page):
        for level in range(self.last + 1):
            found = self.entries[process].get((level, page >> self.shift(level)))
            if found is not None:
                return found
        return None

    def region_of(self, process, page):
        return next((it for it in self.regions[process] if it["first"] <= page < it["end"]), None)

    def tlb_get(self, name, process, page):
        for space in (process, "all"):
            for level in (self.last, *self.geometry.huge_levels):
                number = page >> self.shift(level)
                found = self.first[name].get(number, (space, level, number))
                if found is not None:
                    return found
        return None

    def tlb_fill(self, name, process, page, entry):
        level = entry.page.level
        number = page >> self.shift(level)
        self.first[name].fill(number, ("all" if entry.global_ else process, level, number), entry)

    @staticmethod
    def denied(it, kind, supervisor):
        if not it["user"] and not supervisor:
            return "supervisor"
        if kind == "write" and not it["writable"]:
            return "read-only"
        if kind == "fetch" and not it["executable"]:
            return "not-executable"
        return None

    def access(self, process, address, kind, supervisor):
        """Returns outcome, denial, the entry, victims and time."""
        self.switch(process)
        t, t2, w, m, fault, write_back, minor = self.times
        self.count("accesses")
        if not self.geometry.is_canonical(address):
            self.count("protection_faults")
            return "protection-fault", "non-canonical", None, [], 0.0
        page = self.geometry.page(address)
        time, hit, entry = 0.0, None, None
        if self.first:
            name = "itlb" if kind == "fetch" and "itlb" in self.first else "dtlb"
            time += t
            entry = self.tlb_get(name, process, page)
            self.count(f"{name}_{'misses' if entry is None else 'hits'}")
            hit = "tlb-hit" if entry is not None else None
            if entry is None and "second" in self.first:
                time += t2
                entry = self.tlb_get("second", process, page)
                self.count(f"second_tlb_{'misses' if entry is None else 'hits'}")
                if entry is not None:
                    hit = "second-tlb-hit"
                    self.tlb_fill(name, process, page, entry)
        if hit:
            denial = self.denied(entry.__dict__, kind, supervisor)
            if denial is None:
                if entry.page.level == self.last:
                    self.policy.use(entry.page)
                if kind == "write":
                    entry.dirty = entry.page.dirty = True
                return hit, None, entry, [], time + m
            if not (denial == "read-only" and entry.lent):
                self.count("protection_faults")
                return "protection-fault", denial, None, [], time
            self.forget_page(entry)
        return self.walk(process, page, kind, supervisor, time)

    def walk(self, process, page, kind, supervisor, time):
        t, t2, w, m, fault, write_back, minor = self.times
        self.count("walks")
        start = 0
        if self.walk_cache:
            time += w
            for level in reversed(range(len(self.walk_cache))):
                number = page >> self.shift(level)
                if self.walk_cache[level].get(number, (process, number)):
                    start = level + 1
                    break
            self.count("walk_cache_hits" if start else "walk_cache_misses")
        entry = self.entry_of(process, page)
        rights = entry and entry.__dict__
        backing, leaf = None, entry.page.level if entry else self.last
        if entry is None:
            region = self.region_of(process, page)
            if region is not None:
                rights, backing, leaf = region, region["backing"], region["level"]
            elif self.demand is not None:
                rights = {"user": True, "writable": True, "executable": True, "global_": False, "shared": False}
                backing = self.demand
        denial = "unmapped" if rights is None else None
        if rights is not None:
            lent = entry is not None and entry.lent and kind == "write"
            denial = self.denied({**rights, "writable": True} if lent else rights, kind, supervisor)
        reads = 0
        for level in range(start, leaf + 1):
            reads += 1
            if level == leaf:
                break
            number = page >> self.shift(level)
            if (level, number) not in self.tables[process]:
                if denial is not None and entry is None:
                    break
                self.tables[process].add((level, number))
            if level < len(self.walk_cache):
                self.walk_cache[level].fill(number, (process, number), True)
        self.count("walk_references", reads)
        time += reads * m
        if denial is not None:
            self.count("unmapped_faults" if denial == "unmapped" else "protection_faults")
            return ("unmapped-fault" if denial == "unmapped" else "protection-fault"), denial, None, [], time
        if entry is None:
            names = ("user", "writable", "executable", "global_", "shared")
            number = page >> self.shift(leaf)
            first = number << self.shift(leaf)
            entry = Entry(Page(backing, leaf), process, first, **{it: rights[it] for it in names})
            self.entries[process][leaf, number] = entry
        outcome, victims, used = "walk", [], not entry.present  # a page that comes in is used by that
        if not entry.present:
            outcome = self.load(entry, victims)
        elif leaf == self.last and not lent:
            self.policy.use(entry.page)
        if lent:
            self.forget_page(entry)
            if outcome == "walk":
                outcome = "minor-fault"
                self.count("minor_faults")
            self.copy(entry, victims, used)
        if kind == "write":
            entry.dirty = entry.page.dirty = True
        for name in ("second", "itlb" if kind == "fetch" and "itlb" in self.first else "dtlb"):
            if name in self.first:
                self.tlb_fill(name, process, page, entry)
        time += {"walk": 0.0, "minor-fault": minor, "major-fault": fault}[outcome] + m
        return outcome, None, entry, victims, time + write_back * sum(it[1] for it in victims)

    def load(self, entry, victims):
        page, outcome = entry.page, "minor-fault"
        if page.resident:
            if page.level == self.last:
                self.policy.use(page)
        else:
            outcome = "major-fault" if page.swapped or page.backing != "zero" else "minor-fault"
            self.bring(page, victims)
        entry.present = True
        self.count("major_faults" if outcome == "major-fault" else "minor_faults")
        return outcome

    def bring(self, page, victims):
        if page.level == self.last:
            victim = self.policy.use(page)
            if victim is not None:
                victims.append(([(it.process, it.first) for it in victim.entries], victim.dirty))
                self.count("evictions")
                self.count("dirty_write_backs" if victim.dirty else "clean_drops")
                victim.swapped |= victim.dirty and victim.backing != "file"
                victim.dirty = victim.resident = False
                for entry in victim.entries:
                    self.forget_page(entry)
                    entry.present = entry.dirty = False
        page.resident = True
        page.came += 1

    def copy(self, entry, victims, used):
        old = entry.page
        if len(old.entries) == 1:
            self.count("reuses")
            if old.level == self.last and not used:
                self.policy.use(old)
        else:
            self.count("copies")
            new = Page("zero", old.level)
            self.bring(new, victims)
            old.entries.remove(entry)
            entry.page = new
            new.entries.append(entry)
            entry.present, entry.dirty = True, False
        entry.lent, entry.writable = False, True

    # What the system does

    def mmap(self, process, first, count, level, rights, backing, shared):
        end = first + (count << self.shift(level))
        self.regions[process].append(
            {
                "first": first,
                "end": end,
                "level": level,
                "backing": backing,
                "shared": shared,
                "global_": False,
                **rights,
            }
        )

    def way_to(self, process, page, level):
        for above in range(level):
            self.tables[process].add((above, page >> self.shift(above)))

    def map(self, process, first, level, rights, global_, shared):
        page = Page("disk", level)
        self.bring(page, [])
        self.way_to(process, first, level)
        entry = Entry(page, process, first, global_=global_, shared=shared, **rights)
        entry.present = True
        self.entries[process][level, first >> self.shift(level)] = entry

    def cut(self, process, first, end):
        out = []
        for it in self.regions[process]:
            points = sorted({it["first"], it["end"], *(p for p in (first, end) if it["first"] < p < it["end"])})
            out += [{**it, "first": a, "end": b} for a, b in zip(points, points[1:], strict=False)]
        self.regions[process] = out

    def unmap(self, process, first, end):
        self.cut(process, first, end)
        self.regions[process] = [it for it in self.regions[process] if not first <= it["first"] < end]
        for key, entry in sorted(self.entries[process].items(), key=lambda it: it[1].first):
            if first <= entry.first < end:
                self.forget_page(entry)
                entry.page.entries.remove(entry)
                if not entry.page.entries:
                    self.policy.remove(entry.page)
                del self.entries[process][key]
        for level in reversed(range(self.last)):
            for lv, number in [it for it in self.tables[process] if it[0] == level]:
                begin = number << self.shift(level)
                if begin + (1 << self.shift(level)) <= first or begin >= end:
                    continue
                below = level + 1
                used = any(
                    lv2 == below and n2 >> self.geometry.bits_per_level[below] == number
                    for lv2, n2 in [*self.entries[process], *self.tables[process]]
                )
                if not used:
                    self.tables[process].discard((lv, number))
                    if lv < len(self.walk_cache):
                        self.walk_cache[lv].drop(lambda key, gone=(process, number): key == gone)

    def protect(self, process, first, end, rights):
        self.cut(process, first, end)
        for it in self.regions[process]:
            if first <= it["first"] < end:
                it.update(rights)
        for entry in self.entries[process].values():
            if first <= entry.first < end:
                entry.__dict__.update(rights)
                entry.lent = rights["writable"] and len(entry.page.entries) > 1 and not entry.shared
                entry.writable = rights["writable"] and not entry.lent
                self.forget_page(entry)

    def fork(self, parent, child):
        self.add_process(child)
        self.regions[child] = [dict(it) for it in self.regions[parent]]
        self.tables[child] = set(self.tables[parent])
        for key, entry in list(self.entries[parent].items()):
            if entry.writable and not entry.shared and not entry.global_:
                entry.writable, entry.lent = False, True
            names = ("user", "writable", "executable", "global_", "shared")
            other = Entry(entry.page, child, entry.first, **{it: getattr(entry, it) for it in names})
            other.present, other.lent = entry.present, entry.lent
            self.entries[child][key] = other
        self.forget(lambda space, level, first: space == parent)

    def share(self, process, first, end, target, rights):
        for page in range(first, end):
            entry = self.entry_of(process, page)
            if entry is None:
                region = self.region_of(process, page) or {
                    "user": True,
                    "writable": True,
                    "executable": True,
                    "global_": False,
                    "shared": False,
                    "backing": self.demand,
                }
                self.way_to(process, page, self.last)
                names = ("user", "writable", "executable", "global_", "shared")
                entry = Entry(Page(region["backing"], self.last), process, page, **{it: region[it] for it in names})
                self.entries[process][self.last, page] = entry
            entry.shared = True
            self.way_to(target, page, self.last)
            other = Entry(entry.page, target, page, global_=entry.global_, shared=True, **rights)
            other.present = entry.present
            self.entries[target][self.last, page] = other

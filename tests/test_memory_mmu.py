import pickle
import random
import sys
from pathlib import Path

import numpy as np
import pytest

import distlab as dl

sys.path.insert(0, str(Path(__file__).parent))
from mmu_reference import Reference

memory = dl.memory
KiB, MiB, GiB, TiB, PiB = (2**it for it in (10, 20, 30, 40, 50))
SMALL = memory.Geometry(3, [2, 2, 3], 4, 11)  # pages of 16 bytes, huge ones of 128 bytes (level 1)
WIDE = memory.Geometry(3, [2, 2, 3], 4, 64)  # the same with canonical addresses
RIGHTS = ("writable", "user", "executable")


# Worked numbers


def test_address_104_of_the_notes_is_8296():
    table = memory.PageTable.preset("32-bit")
    table.map(0, frame=2)
    assert table.translate(104).physical_address == 8296


def test_page_0x12345_in_frame_0x4321():
    table = memory.PageTable(levels=1, bits_per_level=20, page_bits=12, word_bits=32)
    table.map(0x12345000, frame=0x4321)
    found = table.translate(0x12345678)
    assert (found.physical_address, found.page, found.frame, found.offset) == (0x4321678, 0x12345, 0x4321, 0x678)


def test_two_levels_index_one_and_one():
    table = memory.PageTable(2, 10, 12, 32)
    table.map(0x00401000, frame=0x345)
    found = table.translate(0x00401678)
    assert (found.indices, found.offset, found.physical_address) == ((1, 1), 0x678, 0x345678)
    assert [(it.level, it.index) for it in found.steps] == [(0, 1), (1, 1)]
    assert (found.references, table.tables, table.table_bytes) == (2, (1, 1), 8 * KiB)


def test_figure_on_swapping():
    mmu = memory.Mmu("32-bit", frames=2, policy="lru")
    mmu.map(0x0000, frame=1)
    mmu.map(0x2000, frame=0)
    mmu.translate(0x0000, kind="write")
    mmu.translate(0x2000)
    found = mmu.translate(0x1000)
    assert (found.fault, found.frame) == ("major", 1)
    assert found.victim.owners == ((0, 0x0000),)
    assert found.write_back and found.victim.swap_slot == 0
    entry = mmu.entry(0x0000)
    assert not entry.present and entry.swap_slot == 0
    assert mmu.entry(0x2000).frame == 0


@pytest.mark.parametrize(
    ("name", "reach"),
    [
        ("32-bit", 4 * GiB),
        ("x86-64", 256 * TiB),
        ("x86-64-5-level", 128 * PiB),
        ("sv39", 512 * GiB),
        ("sv48", 256 * TiB),
    ],
)
def test_reach(name, reach):
    assert memory.PageTable.preset(name).reach == memory.Geometry.preset(name).reach == reach


def test_memory_for_tables():
    assert memory.PageTable.preset("32-bit").table_bytes == 4 * MiB
    assert memory.Mmu("32-bit", processes=100).table_bytes == 400 * MiB
    two = memory.Mmu("32-bit-two-level", processes=2)
    assert two.table_bytes == 8 * KiB
    for address in (0, 4096, 0x00401000):
        two.translate(address)
    assert (two.table_bytes, two.table_bytes_of(0), two.table_bytes_of(1)) == (16 * KiB, 12 * KiB, 4 * KiB)
    two.exit(0)
    assert two.table_bytes == 4 * KiB


@pytest.mark.parametrize(("policy", "faults"), [("fifo", (9, 10)), ("lru", (10, 8))])
def test_belady(policy, faults):
    string = [it << 12 for it in (1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5)]
    assert tuple(memory.Mmu(frames=f, policy=policy).replay(string).page_faults for f in (3, 4)) == faults


# Time


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("tlb", [1, 4, 16])
@pytest.mark.parametrize("frames", [5, 17, 200])
def test_measured_emat_is_the_closed_form(levels, tlb, frames):
    t, m, service = 5.0, 100.0, 7_654_321.0
    geometry = memory.Geometry(levels, 12 if levels < 3 else 9, 12, 12 + levels * (12 if levels < 3 else 9))
    mmu = memory.Mmu(geometry, frames=frames, tlb=memory.Tlb(tlb), t=t, m=m, S=service)
    pages = np.minimum(np.random.default_rng(levels).geometric(0.05, 4000), 180)
    found = mmu.replay(pages << 12, latencies=True)
    h, p = found.tlb_hit_rate, found.page_hit_rate
    assert 0 < h < 1 and (0 < p < 1 or frames < tlb)
    n = levels
    closed = h * (t + m) + (1 - h) * (t + p * (n * m + m) + (1 - p) * (n * m + service + m))
    assert found.emat_ns == pytest.approx(closed, rel=1e-12)
    assert found.latencies_ns.sum() == pytest.approx(found.total_ns, rel=1e-12)


def test_worked_example_of_the_notes_is_measured():
    # Three levels, no faults: 105 ns with a hit, 405 ns with a miss.
    mmu = memory.Mmu("sv39", tlb=memory.Tlb(1), t=5, m=100)
    mmu.replay([0, 4096])
    for in_a_row, rate, emat in ((5, 0.80, 165.0), (50, 0.98, 111.0)):
        trace = [(page << 12) + 4 * at for page in [0, 1] * 20 for at in range(in_a_row)]
        found = mmu.replay(trace, latencies=True)
        assert found.tlb_hit_rate == pytest.approx(rate, rel=1e-15)
        assert found.emat_ns == pytest.approx(emat, rel=1e-15)
        assert set(found.latencies_ns) == {105.0, 405.0}


def test_a_dirty_victim_costs_a_second_transfer():
    swap = memory.Swap(write_back_time=50.0)
    mmu = memory.Mmu("32-bit", frames=1, tlb=None, t=0, m=10, S=1000, swap=swap)
    mmu.translate(0, kind="write")
    assert mmu.translate(4096).time_ns == 10 + 1000 + 50 + 10
    assert mmu.translate(0).time_ns == 10 + 1000 + 10
    assert mmu.total_ns == 3 * 20 + 3 * 1000 + 50


def test_random_services_are_summed_as_they_were_drawn():
    kwargs = {"frames": 2, "S": dl.Uniform("1us", "9us"), "swap": memory.Swap(write_back_time=dl.Exponential("2us"))}
    addresses = [(it * 7 % 5) << 12 for it in range(200)]
    kinds = [it % 3 == 0 for it in range(200)]
    a, b = memory.Mmu(seed=3, **kwargs), memory.Mmu(seed=3, **kwargs)
    found = a.replay(addresses, kinds, latencies=True)
    one = [b.translate(x, kind=["read", "write"][w]).time_ns for x, w in zip(addresses, kinds, strict=False)]
    assert found.latencies_ns.tolist() == one
    assert found.total_ns == pytest.approx(sum(one), rel=1e-12)
    assert a.counters == b.counters and 1000 <= a.counters.fault_ns / a.counters.major_faults <= 9000
    assert memory.Mmu(seed=4, **kwargs).replay(addresses, kinds).total_ns != found.total_ns


# Against the plain model


def random_tlb(rng):
    shapes = {}
    if rng.random() < 0.9:
        for name, chance in (("dtlb", 1.0), ("itlb", 0.6), ("second", 0.5)):
            if rng.random() < chance:
                ways = rng.choice([1, 2, 4])
                shapes[name] = (ways * rng.choice([1, 2, 4]), ways, rng.choice(["lru", "fifo", "tree-plru", "lru"]))
    return shapes


def both(rng):
    """A fast machine twice, and the plain one, all alike."""
    geometry = rng.choice([SMALL, WIDE])
    shapes, tagged = random_tlb(rng), rng.random() < 0.6
    cache = [(2, 1, "lru"), (4, 2, "lru")] if rng.random() < 0.5 else []
    frames, policy = rng.choice([None, 1, 2, 3, 5, 9]), rng.choice(["lru", "lru", "fifo", "clock"])
    demand = rng.choice(["disk", "zero", None])
    times = (1.0, 2.0, 0.5, 10.0, 1000.0, 300.0, 50.0)
    tlb = None
    if shapes:
        named = {k: memory.Tlb(*v) for k, v in shapes.items()}
        tlb = memory.TlbHierarchy(named["dtlb"], named.get("itlb"), named.get("second"), tagged=tagged)
    t, t2, w, m, fault, write_back, minor = times

    def make():
        return memory.Mmu(
            geometry,
            tlb=tlb,
            walk_cache=memory.WalkCache([memory.Tlb(*it) for it in cache]) if cache else None,
            frames=frames,
            policy=policy,
            demand=demand,
            t=t,
            t2=t2,
            walk_cache_time=w,
            m=m,
            S=fault,
            minor_fault=minor,
            swap=memory.Swap(write_back_time=write_back),
            processes=2,
        )

    plain = Reference(
        geometry,
        tlb=shapes,
        tagged=tagged or not shapes,
        walk_cache=cache,
        frames=frames,
        policy=policy,
        demand=demand,
        times=times,
    )
    plain.add_process(0)
    plain.add_process(1)
    return make(), make(), plain


def to_address(plain, page):
    bits, word = plain.geometry.address_bits, plain.geometry.word_bits
    low = page << plain.geometry.page_bits
    return low - (1 << bits) + (1 << 64) if word == 64 and low >> (bits - 1) else low


def check_access(one, plain, frames, process, address, kind, supervisor):
    outcome, denial, entry, victims, time = plain.access(process, address, kind, supervisor)
    try:
        found, fault = one.translate(address, kind, process=process, supervisor=supervisor), None
    except dl.MemoryFault as refused:
        found, fault = refused.translation, refused
    if fault is not None:
        assert (fault.reason, fault.process, fault.kind) == (denial, process, kind)
        assert isinstance(fault, dl.PageFault if denial == "unmapped" else dl.ProtectionFault)
    assert (found.outcome, found.denial, found.time_ns) == (outcome, denial, time)
    seen = [(sorted((p, plain.geometry.page(a)) for p, a in it.owners), it.dirty) for it in found.victims]
    assert seen == [(sorted(owners), dirty) for owners, dirty in victims]
    if entry is None:
        assert found.physical_address is None
        return time, outcome
    # A page stays in its frame, and no two are in the same.
    size = 1 << plain.shift(entry.page.level)
    for key in [(it, came) for it, came in frames if not it.resident or not it.entries or it.came != came]:
        del frames[key]
    assert frames.setdefault((entry.page, entry.page.came), found.frame) == found.frame
    spans = sorted((frame, frame + (1 << plain.shift(page.level))) for (page, _), frame in frames.items())
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))
    offset = address & (size * plain.geometry.page_size - 1)
    assert found.physical_address == found.frame * plain.geometry.page_size + offset
    now = one.entry(address, process=entry.process)  # a global one may be another's
    assert (now.dirty, now.writable, now.copy_on_write) == (entry.dirty, entry.writable, entry.lent)
    return time, outcome


def system_call(rng, machines, plain, log):
    """Something the system does, to all machines alike; refused by all or by none."""
    processes = sorted(plain.entries)
    process, page = rng.choice(processes), rng.randrange(0, 128)
    count, level = rng.randrange(1, 9), 2
    rights = {it: rng.random() < 0.7 for it in RIGHTS}
    what = rng.choice(["mmap", "map", "huge", "unmap", "protect", "fork", "share"])
    if what == "huge":
        page, level = page // 8 * 8, 1
        count = rng.randrange(1, 3)
    size = plain.geometry.span(level)
    half = 64 if plain.geometry.word_bits == 64 and page < 64 else 128
    if what == "map" or what == "huge":
        count = min(count, 2)
    count = min(count, (half - page) * plain.geometry.page_size // size)
    end = page + (count << plain.shift(level))
    address, length = to_address(plain, page), count * size
    busy = [it for it in range(page, end) if plain.entry_of(process, it) or plain.region_of(process, it)]
    shared, backing = rng.random() < 0.3, rng.choice(["zero", "disk", "file"])
    log.append((what, process, page, count))
    if what == "fork":
        if len(processes) < 4:
            child = [it.fork(process) for it in machines]
            assert child == [len(processes)] * len(machines)
            plain.fork(process, len(processes))
        return None
    if what in ("mmap", "map", "huge"):
        global_ = rng.random() < 0.2 and what == "map"
        lazy = what == "mmap" or (what == "huge" and rng.random() < 0.5)
        for it in machines:
            options = dict(rights, shared=shared, process=process, page_size=size)
            call = (
                (lambda it=it, o=options: it.mmap(length, address, backing=backing, **o))
                if lazy
                else (lambda it=it, o=options: it.map(address, length=length, global_=global_, **o))
            )
            if busy:
                with pytest.raises(dl.ParameterError, match="address"):
                    call()
            else:
                call()
        if not busy and lazy:
            plain.mmap(process, page, count, level, rights, backing, shared)
        elif not busy:
            for at in range(page, end, 1 << plain.shift(level)):
                plain.map(process, at, level, rights, global_, shared)
        return None
    if what == "share":
        return share(rng, machines, plain, process, page, end, rights)
    cuts = False
    for edge in (page, end):
        for it in (plain.region_of(process, edge), plain.entry_of(process, edge)):
            lv = it and (it["level"] if isinstance(it, dict) else it.page.level)
            cuts |= it is not None and edge % (1 << plain.shift(lv)) != 0
    for it in machines:
        call = (
            (lambda it=it: it.unmap(address, length, process=process))
            if what == "unmap"
            else (lambda it=it: it.protect(address, length, process=process, **rights))
        )
        if cuts or not busy:
            with pytest.raises(dl.ParameterError, match="address"):
                call()
        else:
            call()
    if busy and not cuts:
        if what == "unmap":
            plain.unmap(process, page, end)
        else:
            plain.protect(process, page, end, rights)
    return None


def share(rng, machines, plain, process, page, end, rights):
    target = rng.choice(sorted(plain.entries))
    for at in range(page, end):
        entry, region = plain.entry_of(process, at), plain.region_of(process, at)
        known = entry is not None or region is not None or plain.demand is not None
        small = entry.page.level == 2 if entry else region is None or region["level"] == 2
        lent = entry is not None and entry.lent
        if not known or not small or lent or plain.entry_of(target, at) or plain.region_of(target, at):
            return
    if target == process:
        return
    for it in machines:
        length = (end - page) * plain.geometry.page_size
        chosen = tuple(rights[name] for name in RIGHTS)
        it.share(to_address(plain, page), length, to=target, rights=chosen, process=process)
    plain.share(process, page, end, target, rights)


class Alike:
    """A machine that translates one by one, one that replays, and the plain one."""

    def __init__(self, seed):
        self.rng, self.seed = random.Random(seed), seed
        self.one, self.many, self.plain = both(self.rng)
        self.frames, self.log, self.columns, self.expected = {}, [], ([], [], []), []

    def access(self, process, address, kind):
        self.log.append((kind, process, hex(address)))
        found = check_access(self.one, self.plain, self.frames, process, address, kind, False)
        self.expected.append(found)
        for column, value in zip(self.columns, (address, kind, process), strict=True):
            column.append(value)

    def catch_up(self):
        """Let the machine that replays do what the others have done."""
        if not self.expected:
            return
        addresses, kinds, processes = self.columns
        found = self.many.replay(
            np.array(addresses, np.uint64), kinds, processes, on_fault="count", outcomes=True, latencies=True
        )
        assert [memory.OUTCOMES[it] for it in found.outcomes] == [it[1] for it in self.expected]
        assert found.latencies_ns.tolist() == [it[0] for it in self.expected]
        assert self.many.counters == self.one.counters
        for it in (*self.columns, self.expected):
            it.clear()

    def step(self):
        rng, plain = self.rng, self.plain
        if rng.random() < 0.25:
            self.catch_up()
            system_call(rng, [self.one, self.many], plain, self.log)
            return
        process = rng.choice(sorted(plain.entries)) if rng.random() < 0.3 else plain.current
        page = rng.randrange(0, 128) if rng.random() < 0.5 else rng.randrange(20, 26)
        for _ in range(rng.randrange(1, 4)):
            kind = rng.choice(["read", "write", "fetch", "read"])
            address = to_address(plain, page) + rng.randrange(16)
            if rng.random() < 0.02 and plain.geometry is WIDE:
                address = 1 << 40
            self.access(process, address, kind)

    def run(self):
        for _ in range(self.rng.randrange(5, 60)):
            self.step()
        self.catch_up()
        counted = self.one.counters.as_dict()
        assert {name: counted[name] for name in self.plain.counts} == self.plain.counts
        tables = sum(len(it) for it in self.plain.tables.values()) + len(self.plain.tables)
        assert sum(self.one.tables) == tables


@pytest.mark.parametrize("part", range(8))
def test_translations_and_replays_do_what_the_plain_model_does(part):
    for seed in range(part * 1000, part * 1000 + 60):
        alike = Alike(seed)
        try:
            alike.run()
        except Exception as error:
            raise AssertionError(f"Alike({seed}).run(): {alike.log}") from error


POLICIES = ["fifo", "lru", "mru", "clock", "lfu", "random", "arc", "2q", "s3-fifo", "sieve"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_replay_is_a_loop_of_translations(policy):
    for seed in range(24):
        rng = np.random.default_rng(seed)
        tlb_policy = ["lru", "fifo", "random", "tree-plru"][seed % 4]
        parts = [memory.Tlb(4, 2, tlb_policy), memory.Tlb(4, 4, tlb_policy), memory.Tlb(8, 4, tlb_policy)]
        tlb = memory.TlbHierarchy(
            parts[0], parts[1] if seed % 3 else None, parts[2] if seed % 2 else None, seed % 5 != 0
        )
        cache = memory.WalkCache([memory.Tlb(1)] * 3) if seed % 2 else None
        options = {"frames": int(rng.integers(1, 12)), "policy": policy, "tlb": tlb, "walk_cache": cache}
        one, many = (memory.Mmu(processes=2, seed=seed, **options) for _ in range(2))
        pages = np.repeat(rng.integers(0, 14, 200), rng.integers(1, 4, 200))
        kinds, data = rng.integers(0, 3, len(pages)), rng.integers(30, 34, len(pages))
        addresses = (np.where(kinds == 2, pages, np.where(rng.random(len(pages)) < 0.8, data, pages)) << 12) + 8
        owners = np.repeat(rng.integers(0, 2, len(pages)), 7)[: len(pages)]
        found = many.replay(addresses, kinds, owners, outcomes=True, latencies=True)
        each = [
            one.translate(int(a), memory.mmu.arguments.KINDS[k], process=int(o))
            for a, k, o in zip(addresses, kinds, owners, strict=False)
        ]
        assert [memory.OUTCOMES[it] for it in found.outcomes] == [it.outcome for it in each], seed
        assert found.latencies_ns.tolist() == [it.time_ns for it in each], seed
        assert many.counters == one.counters and many.usage == one.usage, seed
        # The states agree, too: what comes next goes the same way.
        after = rng.integers(0, 40, 50) << 12
        assert many.replay(after, outcomes=True).outcomes.tolist() == one.replay(after, outcomes=True).outcomes.tolist()
        assert many.counters == one.counters


def test_a_replay_cut_into_pieces_is_the_same():
    rng = np.random.default_rng(0)
    addresses = (rng.geometric(0.05, 600_000) << 12).astype(np.uint64)
    kinds = rng.integers(0, 3, len(addresses)).astype(np.uint8)
    whole, pieces = (memory.Mmu(frames=30, tlb="champsim", walk_cache="champsim") for _ in range(2))
    found = whole.replay(addresses, kinds, outcomes=True)
    parts = [
        pieces.replay(addresses[at : at + 999], kinds[at : at + 999], outcomes=True) for at in range(0, 600_000, 999)
    ]
    assert (np.concatenate([it.outcomes for it in parts]) == found.outcomes).all()
    assert whole.counters == pieces.counters == found.counters
    assert np.bincount(found.outcomes, minlength=7)[3:5].sum() == found.page_faults


# Protection


def test_rights():
    mmu = memory.Mmu("x86-64", demand=None)
    mmu.map(0x1000, writable=False)
    mmu.map(0x2000, user=False)
    mmu.map(0x3000, executable=False)
    for address, kind, reason in (
        (0x1004, "write", "read-only"),
        (0x2000, "read", "supervisor"),
        (0x3000, "fetch", "not-executable"),
    ):
        for _ in range(2):
            with pytest.raises(dl.ProtectionFault) as caught:
                mmu.translate(address, kind)
            fault = caught.value
            assert (fault.reason, fault.address, fault.kind, fault.process) == (reason, address, kind, 0)
            assert fault.translation.fault == "protection" and fault.translation.physical_address is None
            assert len(fault.translation.steps) == 4 and fault.translation.entry.present
            again = pickle.loads(pickle.dumps(fault))
            assert (str(again), again.translation) == (str(fault), fault.translation)
    assert mmu.translate(0x2000, supervisor=True).fault is None
    assert mmu.translate(0x1000).fault is None and mmu.translate(0x1000, "fetch").fault is None
    with pytest.raises(dl.ProtectionFault):
        mmu.translate(0x1000, "write")  # now from the TLB
    with pytest.raises(dl.ProtectionFault, match="supervisor|system"):
        mmu.translate(0x2000)
    mmu.protect(0x1000)
    assert mmu.translate(0x1000, "write").fault is None
    with pytest.raises(dl.PageFault) as caught:
        mmu.translate(0x9000)
    assert (caught.value.reason, caught.value.translation.fault) == ("unmapped", "unmapped")
    assert not isinstance(caught.value, dl.ProtectionFault) and isinstance(caught.value, ValueError)
    assert mmu.counters.protection_faults == 8 and mmu.counters.unmapped_faults == 1


def test_addresses_that_are_not_canonical():
    mmu = memory.Mmu("x86-64")
    assert mmu.translate(2**47 - 1).indices == (255, 511, 511, 511)
    assert mmu.translate(2**64 - 2**47).indices == (256, 0, 0, 0)
    for address in (2**47, 2**63, 2**64 - 2**47 - 1):
        with pytest.raises(dl.ProtectionFault) as caught:
            mmu.translate(address)
        assert caught.value.reason == "non-canonical" and caught.value.translation.page is None
        with pytest.raises(dl.ProtectionFault) as caught:
            mmu.replay(np.array([0, address], np.uint64))
        assert (caught.value.position, caught.value.address) == (1, address)
        assert mmu.replay(np.array([0, address], np.uint64), on_fault="count").counters.protection_faults == 1
    with pytest.raises(dl.ParameterError, match=r"addresses\[2\].*0x100000000"):
        memory.Mmu("32-bit").replay([0, 4096, 2**32])


def test_counted_faults_do_not_stop_a_replay():
    mmu = memory.Mmu("32-bit", demand=None, t=1, m=100)
    mmu.map(0, writable=False)
    found = mmu.replay(
        [0, 0, 4096, 0], ["read", "write", "read", "read"], on_fault="count", outcomes=True, latencies=True
    )
    assert found.outcomes.tolist() == [2, 5, 6, 0]
    assert found.latencies_ns.tolist() == [201, 1, 101, 101]
    assert found.total_ns == 404


# Sharing and forks


def test_shared_pages_are_one_page():
    mmu = memory.Mmu("x86-64", frames=2, processes=2)
    mmu.translate(0x5000, "write", process=0)
    mmu.share(0x5000, to=1, at=0x9000, rights=(False, True, False), process=0)
    first = mmu.translate(0x5008, process=0)
    second = mmu.translate(0x9008, process=1)
    assert first.physical_address == second.physical_address and second.fault is None
    with pytest.raises(dl.ProtectionFault, match="only be read"):
        mmu.translate(0x9000, "write")
    mmu.translate(0x1000)
    found = mmu.translate(0x2000)
    assert sorted(found.victim.owners) == [(0, 0x5000), (1, 0x9000)] and found.victim.dirty
    assert mmu.translate(0x5000, process=0).fault == "major"
    assert mmu.translate(0x9000, process=1).fault == "minor"  # it is there already
    mmu.unmap(0x5000, process=0)
    assert mmu.translate(0x9000, process=1).fault is None


def test_fork_copies_on_write():
    mmu = memory.Mmu("x86-64", frames=10)
    mmu.translate(0x1000, "write")
    frame = mmu.translate(0x1000).frame
    child = mmu.fork()
    assert mmu.entry(0x1000).copy_on_write and not mmu.entry(0x1000).writable
    for process in (0, child):
        assert mmu.translate(0x1000, process=process).frame == frame
    written = mmu.translate(0x1000, "write", process=child)
    assert (written.fault, written.copied) == ("minor", True) and written.frame != frame
    last = mmu.translate(0x1000, "write", process=0)
    assert (last.fault, last.copied, last.frame) == ("minor", False, frame)
    assert (mmu.counters.copies, mmu.counters.reuses) == (1, 1)
    assert mmu.usage["frames_used"] == 2
    mmu.exit(child)
    assert mmu.usage["frames_used"] == 1
    with pytest.raises(dl.ParameterError, match="process"):
        mmu.translate(0x1000, process=child)


def test_global_entries_survive_a_switch():
    for tagged in (True, False):
        tlb = memory.TlbHierarchy(memory.Tlb(8), tagged=tagged)
        mmu = memory.Mmu("x86-64", processes=2, tlb=tlb)
        for process in (0, 1):
            mmu.map(0x1000, frame=77 + process, process=process)
            mmu.map(0x2000, global_=True, frame=88 + process, process=process)
        for address in (0x1000, 0x2000):
            mmu.translate(address, process=0)
        assert mmu.translate(0x2000, process=1).tlb_hit
        assert not mmu.translate(0x1000, process=1).tlb_hit
        assert mmu.translate(0x1000, process=0).tlb_hit is tagged
        assert mmu.counters.flushes == (0 if tagged else 2)


def test_invalidation():
    mmu = memory.Mmu("x86-64", processes=2, tlb=memory.Tlb(16))

    def warm():
        for process in (0, 1):
            mmu.replay([0x1000, 0x2000], processes=[process] * 2)

    warm()
    assert mmu.invalidate(0x1000, process=0) == 1 and mmu.invalidate(0x1000, process=0) == 0
    assert mmu.invalidate(process=1) == 2
    assert mmu.translate(0x2000, process=0).tlb_hit
    warm()
    assert mmu.invalidate() == 4


# Huge pages, TLBs of several parts, walk caches, nested paging


def test_huge_pages():
    mmu = memory.Mmu("x86-64", tlb="skylake")
    for size, steps in ((2 * MiB, 3), (GiB, 2)):
        base = mmu.mmap(size, page_size=size)
        assert base % size == 0
        found = mmu.translate(base + size - 5, "write")
        assert (found.page_size, len(found.steps), found.fault) == (size, steps, "minor")
        assert found.physical_address % size == size - 5 and found.entry.huge
        assert mmu.translate(base).tlb_hit
    small = memory.Mmu("32-bit-two-level")
    small.map(4 * MiB, frame=1024, page_size="4MiB")
    assert small.translate(4 * MiB + 12345).physical_address == 4 * MiB + 12345
    assert small.table_bytes == 4 * KiB
    with pytest.raises(dl.ParameterError, match="cuts no huge page"):
        small.unmap(4 * MiB, "4KiB")
    small.unmap(4 * MiB)
    assert small.entry(4 * MiB) is None


def test_a_size_without_entries_is_walked_for_every_time():
    mmu = memory.Mmu("x86-64", tlb=memory.Tlb(64, sizes=["4KiB"]))
    base = mmu.mmap("2MiB", page_size="2MiB")
    assert mmu.replay([base] * 10).counters.walks == 10
    assert memory.Mmu(tlb=memory.Tlb(64, sizes=["2MiB"])).replay([0] * 10).tlb_hit_rate == 0


def test_champsim_presets_are_those_of_its_configuration():
    """ITLB, DTLB, STLB and pscl5 to pscl2 of champsim_config.json, commit 2ff2501: sets and ways."""
    tlbs, cache = memory.TLBS["champsim"], memory.WALK_CACHES["champsim"]
    shapes = [(it.sets, it.ways) for it in (tlbs.instruction, tlbs.data, tlbs.second)]
    assert shapes == [(16, 4), (16, 4), (128, 12)]
    assert [(it.sets, it.ways) for it in cache.levels] == [(1, 2), (1, 4), (2, 4), (4, 8)]
    assert {it.policy for it in (tlbs.instruction, tlbs.data, tlbs.second, *cache.levels)} == {"lru"}


def test_champsim_presets():
    mmu = memory.Mmu("x86-64-5-level", tlb="champsim", walk_cache="champsim", t=1, t2=8, m=100, S=0)
    pages = np.arange(1536, dtype=np.uint64) << np.uint64(12)
    cold = mmu.replay(pages)
    assert cold.counters.walk_references == 1536 + 4 + 1 + 1  # leaves, and the ways to three tables of them
    assert mmu.replay(pages).counters.second_tlb_hits == 1536
    assert mmu.usage["second_tlb_entries"] == 1536 and mmu.usage["dtlb_entries"] == 64
    assert mmu.translate(0x0).time_ns == 1 + 8 + 100


@pytest.mark.parametrize(
    ("guest", "host"), [("x86-64", "x86-64"), ("32-bit-two-level", "x86-64"), ("sv39", "x86-64-5-level")]
)
def test_nested_walks(guest, host):
    n, m = memory.Geometry.preset(guest).levels, memory.Geometry.preset(host).levels
    mmu = memory.Mmu(guest, nested=host, tlb=None, m=1, S=0, t=0)
    found = mmu.translate(0x1234)
    assert found.references == (n + 1) * (m + 1) - 1 and found.time_ns == found.references + 1
    assert found.guest_address & 0xFFF == found.physical_address & 0xFFF == 0x234
    assert mmu.counters.host_references == found.references - n
    other = mmu.translate(0x9234)
    assert other.physical_address != found.physical_address
    cached = memory.Mmu(guest, nested=memory.Nested(host, tlb=memory.Tlb(64)), tlb=None)
    cached.translate(0x1234)
    assert cached.translate(0x1234).references == n


def test_a_host_gives_no_more_than_it_can_address():
    host = memory.Geometry(1, 5, 12, 17)  # 16 pages for frames, 16 for tables
    mmu = memory.Mmu("32-bit-two-level", nested=host)
    mmu.replay(np.arange(16) << 12)
    with pytest.raises(dl.OutOfMemory, match="out of frames"):
        mmu.translate(16 << 12)
    mmu = memory.Mmu("32-bit-two-level", nested=host, frames=16)
    mmu.replay(np.arange(15) << 22)  # 15 tables, and the directory
    with pytest.raises(dl.OutOfMemory, match="addresses of the host for page tables"):
        mmu.translate(15 << 22)
    assert len({mmu.translate(page << 22).physical_address for page in range(15)}) == 15


# Swap, and several processes


def test_a_full_swap_device():
    mmu = memory.Mmu("32-bit", frames=2, swap=memory.Swap(slots=1))
    for page in (0, 1, 2):
        mmu.translate(page << 12, "write")
    before = mmu.counters
    with pytest.raises(dl.OutOfMemory, match="swap device") as caught:
        mmu.replay([3 << 12])
    assert isinstance(caught.value, MemoryError)
    assert pickle.loads(pickle.dumps(caught.value)).what == caught.value.what
    assert mmu.counters.evictions == before.evictions and mmu.usage["swap_used"] == 1
    for page in (1, 2):
        assert mmu.translate(page << 12).fault is None  # nothing was lost
    mmu.unmap(1 << 12)
    assert mmu.translate(3 << 12).fault == "major"


def test_backings():
    mmu = memory.Mmu("32-bit", frames=1, demand=None)
    for backing, first, again in (("zero", "minor", "minor"), ("disk", "major", "major"), ("file", "major", "major")):
        base = mmu.mmap(4096, backing=backing)
        other = mmu.mmap(4096)
        assert mmu.translate(base).fault == first
        mmu.translate(other)
        assert mmu.translate(base).fault == again
        mmu.translate(base, "write")
        used = mmu.usage["swap_used"]
        assert mmu.translate(other).write_back
        assert mmu.usage["swap_used"] == used + (backing != "file")
        assert mmu.translate(base).fault == "major"


def test_direct_memory_access_lets_others_go_on():
    # Each touches 4 pages 10 times: 4 transfers of 1000 ns, and 40 accesses of 11 ns and 4 walks of 10 ns.
    jobs = {it: np.repeat(np.arange(4) << 12, 10) for it in range(4)}
    kwargs = {"processes": 4, "t": 1, "m": 10, "S": 1000}
    alone = memory.Mmu("32-bit", **kwargs).schedule({0: jobs[0]})
    assert alone.total_ns == 4 * 1000 + 40 * 11 + 4 * 10
    waiting = memory.Mmu("32-bit", **kwargs).schedule(jobs, dma=False)
    assert waiting.total_ns == 4 * alone.total_ns and waiting.busy_ns == 4 * 480
    assert waiting.utilisation == pytest.approx(480 / 4480)
    overlapped = memory.Mmu("32-bit", **kwargs).schedule(jobs)
    assert overlapped.busy_ns == waiting.busy_ns and overlapped.total_ns < waiting.total_ns
    assert overlapped.device_ns == 16 * 1000 and overlapped.total_ns >= 16 * 1000
    assert overlapped.busy_ns + overlapped.idle_ns == pytest.approx(overlapped.total_ns)
    assert all(it["transfers"] == 4 and it["cpu_ns"] == 480 for it in overlapped.processes.values())
    ends = [(begin, end) for _, begin, end, _ in overlapped.turns]
    assert all(a[1] <= b[0] for a, b in zip(ends, ends[1:], strict=False))


def test_a_schedule_goes_on_when_who_wakes_has_nothing_left_to_do():
    mmu = memory.Mmu(processes=2)
    mmu.schedule({0: [0x1000], 1: [0x4000, 0x5008]})
    assert mmu.counters.accesses == 3


def test_turns_end_with_the_quantum():
    jobs = {0: [0] * 100, 1: [0] * 100}
    table = memory.Mmu("32-bit", processes=2, S=0, t=1, m=9, demand="zero", context_switch=5).schedule(
        jobs, quantum=100
    )
    assert table.switches == 20 - 1 + (len([it for it in table.turns if it[0] is not None]) - 20)
    assert table.total_ns == table.busy_ns == 2 * (100 * 10 + 9) + 5 * table.switches
    assert {it[0] for it in table.turns} == {0, 1}


# Bad input


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: memory.Geometry(2, 10, 12, 31), dl.ParameterError, "word_bits"),
        (lambda: memory.Geometry(2, 9, 12, 32), dl.ParameterError, "word_bits"),
        (lambda: memory.Geometry(0, 9, 12, 32), dl.ParameterError, "levels"),
        (lambda: memory.Geometry(2, [10], 12, 32), dl.ParameterError, "bits_per_level"),
        (lambda: memory.Geometry(1, 20.0, 12, 32), dl.ParameterTypeError, "bits_per_level"),
        (lambda: memory.Geometry(4, 14, 8, 64), dl.ParameterError, "54"),
        (lambda: memory.PageTable.preset("vax"), dl.ParameterError, "x86-64"),
        (lambda: memory.Geometry.preset("32-bit").indices(2**32), dl.ParameterError, "address"),
        (lambda: memory.Mmu(frames=0), dl.ParameterError, "frames"),
        (lambda: memory.Mmu(frames=True), dl.ParameterTypeError, "frames"),
        (lambda: memory.Mmu(policy="best"), dl.ParameterError, "policy.*sieve"),
        (lambda: memory.Mmu(frames=2, policy="opt"), dl.ParameterError, "future"),
        (lambda: memory.Mmu(policy_options={"in_ratio": 2.0}), dl.ParameterError, "in_ratio"),
        (lambda: memory.Mmu(t=-1), dl.ParameterError, "t: "),
        (lambda: memory.Mmu(m=float("nan")), dl.ParameterError, "m: "),
        (lambda: memory.Mmu(S=float("inf")), dl.ParameterError, "S: "),
        (lambda: memory.Mmu(S="fast"), dl.ParameterError, "S"),
        (lambda: memory.Mmu(m=None), dl.ParameterTypeError, "m"),
        (lambda: memory.Mmu(processes=0), dl.ParameterError, "processes"),
        (lambda: memory.Mmu(processes=2**31), dl.ParameterError, "processes"),
        (lambda: memory.Mmu(demand="swap"), dl.ParameterError, "demand"),
        (lambda: memory.Mmu(tlb="big"), dl.ParameterError, "champsim"),
        (lambda: memory.Mmu(tlb=64), dl.ParameterTypeError, "tlb"),
        (lambda: memory.Mmu(tlb=memory.TlbHierarchy([memory.Tlb(4), memory.Tlb(8)])), dl.ParameterError, "sizes"),
        (lambda: memory.Mmu(tlb=memory.Tlb(4, sizes=["8KiB"])), dl.ParameterError, "4 KiB, 2 MiB, 1 GiB"),
        (lambda: memory.Mmu("32-bit", walk_cache=memory.WalkCache([memory.Tlb(4)])), dl.ParameterError, "walk_cache"),
        (lambda: memory.Mmu(nested="32-bit", frames=2**20), dl.ParameterError, "frames"),
        (lambda: memory.Mmu(nested=memory.Geometry(2, 10, 10, 30)), dl.ParameterError, "page_bits"),
        (lambda: memory.Mmu(seed=-1), dl.ParameterError, "seed"),
        (lambda: memory.Tlb(64, ways=3), dl.ParameterError, "ways"),
        (lambda: memory.Tlb(48, ways=4), dl.ParameterError, "power of two"),
        (lambda: memory.Tlb(0), dl.ParameterError, "entries"),
        (lambda: memory.Tlb(12, policy="tree-plru"), dl.ParameterError, "ways"),
        (lambda: memory.Tlb(4, policy="plru"), dl.ParameterError, "tree-plru"),
        (lambda: memory.Swap(slots=-1), dl.ParameterError, "slots"),
        (lambda: memory.Swap(write_back_time=-0.5), dl.ParameterError, "write_back_time"),
        (lambda: memory.Mmu().translate(-1), dl.ParameterError, "address"),
        (lambda: memory.Mmu().translate(2**64), dl.ParameterError, "address"),
        (lambda: memory.Mmu().translate(1.5), dl.ParameterTypeError, "address"),
        (lambda: memory.Mmu().translate(0, "jump"), dl.ParameterError, "kind"),
        (lambda: memory.Mmu().translate(0, process=1), dl.ParameterError, "process"),
        (lambda: memory.Mmu("32-bit").translate(2**32), dl.ParameterError, "0x100000000"),
        (lambda: memory.Mmu().replay([1, -4096]), dl.ParameterError, r"addresses\[1\]"),
        (lambda: memory.Mmu().replay([0.5]), dl.ParameterTypeError, "addresses"),
        (lambda: memory.Mmu().replay([[0]]), dl.ParameterTypeError, "addresses"),
        (lambda: memory.Mmu().replay([0, 1], [0]), dl.ParameterError, "kinds"),
        (lambda: memory.Mmu().replay([0, 1], [0, 3]), dl.ParameterError, r"kinds\[1\]"),
        (lambda: memory.Mmu().replay([0, 1], [0, 300]), dl.ParameterError, r"kinds\[1\]"),
        (lambda: memory.Mmu().replay([0, 1], ["read", "jump"]), dl.ParameterError, r"kinds\[1\]"),
        (lambda: memory.Mmu().replay([0, 1], None, [0, 5]), dl.ParameterError, r"processes\[1\]"),
        (lambda: memory.Mmu().replay([0], on_fault="ignore"), dl.ParameterError, "on_fault"),
        (lambda: memory.Mmu().replay([0], outcomes=1), dl.ParameterTypeError, "outcomes"),
        (lambda: memory.Mmu().map(5), dl.ParameterError, "address"),
        (lambda: memory.Mmu().map(0, page_size="4MiB"), dl.ParameterError, "page_size"),
        (lambda: memory.Mmu().map(4096, page_size="2MiB"), dl.ParameterError, "address"),
        (lambda: memory.Mmu().map(0, frame=2**31), dl.ParameterError, "frame"),
        (lambda: memory.Mmu(frames=4).map(0, frame=4), dl.ParameterError, "frame"),
        (lambda: memory.Mmu().map(2**47 - 4096, length=8192), dl.ParameterError, "length"),
        (lambda: memory.Mmu().map(2**64 - 4096, length=8192), dl.ParameterError, "length"),
        (lambda: memory.Mmu().mmap(0), dl.ParameterError, "length"),
        (lambda: memory.Mmu().mmap(2**63), dl.ParameterError, "length"),
        (lambda: memory.Mmu().mmap(4096, backing="tape"), dl.ParameterError, "backing"),
        (lambda: memory.Mmu().unmap(0), dl.ParameterError, "address"),
        (lambda: memory.Mmu().protect(0), dl.ParameterError, "address"),
        (lambda: memory.Mmu().fork(7), dl.ParameterError, "process"),
        (lambda: memory.Mmu().schedule({3: [0]}), dl.ParameterError, "process"),
        (lambda: memory.Mmu().schedule([0]), dl.ParameterTypeError, "jobs"),
        (lambda: memory.Mmu().schedule({0: [0]}, quantum=-1), dl.ParameterError, "quantum"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_frame_is_given_once():
    mmu = memory.Mmu("32-bit", frames=4)
    mmu.map(0, frame=2)
    with pytest.raises(dl.ParameterError, match="frame"):
        mmu.map(4096, frame=2)
    with pytest.raises(dl.ParameterError, match="nothing is mapped"):
        mmu.map(0)
    assert {mmu.translate(it << 12).frame for it in range(1, 4)} == {0, 1, 3}


def test_columns_of_any_kind():
    for dtype in (np.uint8, np.int16, np.uint32, np.int64, np.uint64):
        column = np.array([0, 1, 100, 1, 0] * 3, dtype)
        assert memory.Mmu(memory.Geometry(1, 4, 4, 8)).replay(column).page_faults == 2
        assert memory.Mmu(memory.Geometry(1, 4, 4, 8)).replay(column[::-2]).accesses == 8
    empty = memory.Mmu().replay([], outcomes=True)
    assert (empty.accesses, len(empty.outcomes), empty.total_ns) == (0, 0, 0) and np.isnan(empty.emat_ns)
    flags = memory.Mmu("32-bit", frames=1).replay([0, 4096, 0], np.array([True, False, False]))
    assert (flags.counters.writes, flags.dirty_write_backs) == (1, 1)


def test_what_is_shown():
    mmu = memory.Mmu("x86-64", frames=1)
    mmu.translate(0x1000, "write")
    found = mmu.translate(0x2008)
    text = str(found)
    for words in ("dtlb", "miss", "level 3", "major", "0x1000 of process 0", "written back", "0x8", "4 references"):
        assert words in text, words
    assert "<table>" in found._repr_html_() and "\n" not in repr(found)
    assert pickle.loads(pickle.dumps(found)) == found
    replay = mmu.replay([0])
    assert "<table>" in replay._repr_html_() and "EMAT" in repr(replay)
    for value in (
        memory.Swap(3),
        memory.Nested(),
        memory.Tlb(4),
        memory.Geometry.preset("sv48"),
        memory.TLBS["skylake"],
    ):
        assert pickle.loads(pickle.dumps(value)) == value


def test_a_picture_of_every_kind_of_walk():
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    mmu = memory.Mmu("x86-64", frames=1, walk_cache="champsim", demand=None)
    mmu.mmap("64KiB", 0x10000)
    mmu.map(0x40000, writable=False)
    cases = []
    for address, kind in (
        (0x10000, "write"),
        (0x11000, "read"),
        (0x11008, "read"),
        (0x40000, "write"),
        (0x90000, "read"),
        (1 << 50, "read"),
    ):
        try:
            cases.append((mmu.translate(address, kind), "fault" if address < 0x11008 else "hit"))
        except dl.MemoryFault as fault:
            cases.append((fault.translation, fault.reason))
    for found, words in cases:
        figure, ax = plt.subplots()
        assert found.plot(ax) is ax
        texts = [it.get_text() for it in ax.texts]
        assert any(words in it for it in texts), (words, texts)
        assert sum(it.startswith("table ") for it in texts) == len(found.steps)
        assert any(hex(found.offset) == it for it in texts)
        figure.canvas.draw()
        plt.close(figure)

//! Lackey's text against a slow reader that takes lines apart word by word.
use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::machines::memory::reference::reader::Reader;
use crate::machines::memory::reference::stream::Blocks;

fn lackey() -> Lackey {
    Lackey::new(Pieces::WHOLE, Modify::Both, Malformed::Refuse, true)
}

fn read(text: &str, format: Lackey) -> Result<References, TraceError> {
    Reader::new(
        format,
        Blocks::inline(Box::new(Cursor::new(text.to_owned().into_bytes())), Unit::Line).unwrap(),
    )
    .all()
}

fn rows(text: &str, format: Lackey) -> Vec<(u64, u8, u32)> {
    let read = read(text, format).unwrap();
    read.addresses.into_iter().zip(read.kinds).zip(read.sizes).map(|((a, k), s)| (a, k, s)).collect()
}

/// One line as a person would read it; None: malformed; Some(None): passed over.
fn slow(line: &str) -> Option<Option<(u8, u64, u32)>> {
    let line = line.trim_end_matches(['\n', '\r']);
    if line.is_empty() || line.starts_with("==7== ") {
        return Some(None);
    }
    let mut words = line.split_whitespace();
    let (letter, record) = (words.next()?, words.next()?);
    let kind = ["L", "S", "I", "M"].iter().position(|it| *it == letter)? as u8;
    let (address, size) = record.split_once(',')?;
    if words.next().is_some() || address.len() > 16 || address.starts_with('+') || size.starts_with('+') {
        return None;
    }
    let (address, size) = (u64::from_str_radix(address, 16).ok()?, size.parse::<u32>().ok()?);
    let right = (1..=65536).contains(&size) && address.checked_add(u64::from(size) - 1).is_some();
    right.then_some(Some((kind, address, size)))
}

fn line() -> impl Strategy<Value = String> {
    let address = prop_oneof![
        (0u64..=u64::MAX, 1u32..=16, any::<bool>()).prop_map(|(bits, digits, upper)| {
            let bits = bits >> (64 - 4 * digits);
            if upper { format!("{bits:X}") } else { format!("{bits:08x}") }
        }),
        Just("fffffffffffffff8".to_owned()),
        "[0-9a-g]{0,18}",
    ];
    let size = prop_oneof![4 => (0u32..130).prop_map(|it| it.to_string()), 1 => "[0-9x]{0,6}"];
    let head = prop_oneof![
        8 => prop::sample::select(vec!["I  ", " L ", " S ", " M "]),
        1 => prop::sample::select(vec!["I ", "L ", "S    ", " X ", "", "IL "]),
    ];
    let end = prop::sample::select(vec!["", "", "", "", "", "\r", " ", "1 2"]);
    prop_oneof![
        12 => (head, address, size, end).prop_map(|(head, address, size, end)| format!("{head}{address},{size}{end}")),
        1 => Just("==7== a word".to_owned()),
        1 => Just(String::new()),
        1 => "[ -~]{0,40}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn fast_and_slow_readers_agree(lines in prop::collection::vec(line(), 0..12)) {
        let text = lines.join("\n");
        // What looks like a message of Valgrind's but for its number is not made here.
        let mut wanted = vec![];
        let mut wrong = vec![];
        for (at, line) in lines.iter().enumerate() {
            match slow(line) {
                Some(Some((3, address, size))) => wanted.extend([(address, READ, size), (address, WRITE, size)]),
                Some(Some((kind, address, size))) => wanted.push((address, kind, size)),
                Some(None) => {}
                None => wrong.push(at as u64 + 1),
            }
        }
        match (read(&text, lackey()), wrong.first()) {
            (Ok(_), None) => prop_assert_eq!(rows(&text, lackey()), wanted.clone()),
            (Err(TraceError::Malformed { place, .. }), Some(line)) => prop_assert_eq!(place, Place::Line(*line)),
            (got, wrong) => prop_assert!(false, "{got:?} {wrong:?}"),
        }
        let lenient = Lackey::new(Pieces::WHOLE, Modify::Both, Malformed::Skip, true);
        prop_assert_eq!(rows(&text, lenient), wanted);
    }
}

#[test]
fn modifications_fetches_and_pages_are_as_asked_for() {
    let text = "I  00001ffe,4\n M 00003000,8\n L 1fff000758,8\n";
    let pages = Pieces::of(Some(12)).unwrap();
    let all = Lackey::new(pages, Modify::Both, Malformed::Refuse, true);
    let cut = [(0x1ffe, FETCH, 2), (0x2000, FETCH, 2)];
    let data = [(0x3000, READ, 8), (0x3000, WRITE, 8), (0x1f_ff00_0758, READ, 8)];
    assert_eq!(rows(text, all), [&cut[..], &data].concat());
    assert_eq!(rows(text, Lackey::new(pages, Modify::Both, Malformed::Refuse, false)), data);
    assert_eq!(rows(text, Lackey::new(pages, Modify::Write, Malformed::Refuse, false)), data[1..]);
}

#[test]
fn number_of_a_malformed_line_counts_all_lines() {
    let mut text = "==1== a\n\nI  00001000,4\n".repeat(1000);
    text.push_str(" L 0000q000,4\nI  00001000,4\n");
    let error = read(&text, lackey()).unwrap_err();
    assert!(error.to_string().starts_with("line 3001: expected 'I', 'L', 'S' or 'M'"), "{error}");
    assert!(error.to_string().ends_with("got \" L 0000q000,4\""), "{error}");
}

#[test]
fn pieces_of_a_trace_are_the_trace() {
    let text = (0..1000).map(|at| format!(" M {:08x},{}\n", at * 4090, 1 + at % 40)).collect::<String>();
    let format = || Lackey::new(Pieces::of(Some(12)).unwrap(), Modify::Both, Malformed::Refuse, true);
    let whole = read(&text, format()).unwrap();
    for limit in [1, 7, 999] {
        let blocks = Blocks::ahead(Box::new(Cursor::new(text.clone().into_bytes())), Unit::Line).unwrap();
        let mut reader = Reader::new(format(), blocks);
        let mut all = References::default();
        loop {
            let mut part = References::default();
            let step = reader.step(&mut part, limit, std::time::Duration::from_secs(9)).unwrap();
            assert!(part.len() < limit + 4);
            for at in 0..part.len() {
                all.push(part.addresses[at], part.kinds[at], part.sizes[at]);
            }
            if step == super::super::reader::Step::End {
                break;
            }
        }
        assert_eq!(all, whole);
    }
}

#[test]
fn what_is_written_is_read_again() {
    let addresses = [0, u64::MAX, 0x1234_5678, 0x1_2345_6789];
    let (kinds, sizes) = ([READ, WRITE, FETCH, READ], [1, 1, 15, 65536]);
    let mut text = vec![];
    write(&addresses, &kinds, &sizes, &mut text).unwrap();
    assert!(text.starts_with(b" L 00000000,1\n S ffffffffffffffff,1\nI  12345678,15\n L 123456789,"));
    let back = read(std::str::from_utf8(&text).unwrap(), lackey()).unwrap();
    assert_eq!(back, References { addresses: addresses.into(), kinds: kinds.into(), sizes: sizes.into() });
}

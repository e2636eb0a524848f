//! Names from strangers: what may be in one, in which form it is kept, and which names look alike.

use std::borrow::Cow;
use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton as confusable;

use crate::names::{compatible, item_key, stripped};
use crate::read_limits::Limit;

/// The most combining marks that follow each other, as in UTS 39, 5.4; more pile up over other lines.
const MOST_MARKS: usize = 4;

/// What makes a spreadsheet run a cell, also in the wide forms that NFKC makes narrow.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Characters without a shape of their own: they hide in a name or change how it is shown. Sorted ranges, by what they are.
const UNSEEN: [(char, char, &str); 31] = [
    ('\0', '\u{1f}', "a control character"),
    ('\u{7f}', '\u{9f}', "a control character"),
    ('\u{ad}', '\u{ad}', "an invisible character"),
    ('\u{34f}', '\u{34f}', "an invisible character"),
    ('\u{600}', '\u{605}', "a format character"),
    ('\u{61c}', '\u{61c}', "a direction mark"),
    ('\u{6dd}', '\u{6dd}', "a format character"),
    ('\u{70f}', '\u{70f}', "a format character"),
    ('\u{890}', '\u{891}', "a format character"),
    ('\u{8e2}', '\u{8e2}', "a format character"),
    ('\u{115f}', '\u{1160}', "an invisible character"),
    ('\u{17b4}', '\u{17b5}', "an invisible character"),
    ('\u{180b}', '\u{180f}', "an invisible character"),
    ('\u{200b}', '\u{200d}', "an invisible character"),
    ('\u{200e}', '\u{200f}', "a direction mark"),
    ('\u{2028}', '\u{2029}', "a line separator"),
    ('\u{202a}', '\u{202e}', "a direction override"),
    ('\u{2060}', '\u{2065}', "an invisible character"),
    ('\u{2066}', '\u{2069}', "a direction override"),
    ('\u{206a}', '\u{206f}', "a format character"),
    ('\u{2800}', '\u{2800}', "an invisible character"),
    ('\u{3164}', '\u{3164}', "an invisible character"),
    ('\u{e000}', '\u{f8ff}', "a private-use character"),
    ('\u{fe00}', '\u{fe0d}', "an invisible character"),
    ('\u{feff}', '\u{feff}', "an invisible character"),
    ('\u{ffa0}', '\u{ffa0}', "an invisible character"),
    ('\u{fff0}', '\u{fffc}', "a format character"),
    ('\u{110bd}', '\u{110bd}', "a format character"),
    ('\u{110cd}', '\u{110cd}', "a format character"),
    ('\u{13430}', '\u{1345f}', "a format character"),
    ('\u{16fe4}', '\u{16fe4}', "an invisible character"),
];

/// More of [`UNSEEN`], past the planes of letters.
const UNSEEN_ABOVE: [(char, char, &str); 5] = [
    ('\u{1bca0}', '\u{1bca3}', "a format character"),
    ('\u{1d159}', '\u{1d159}', "an invisible character"),
    ('\u{1d173}', '\u{1d17a}', "a format character"),
    ('\u{e0000}', '\u{e0fff}', "an invisible character"),
    ('\u{f0000}', '\u{10ffff}', "a private-use character"),
];

/// A name as it is kept: space around it stripped, NFKC, without the marks that choose between text and picture (U+FE0E,
/// U+FE0F), and without the quote that a csv writer put before what a spreadsheet would run.
///
/// ```
/// use hemicycle_core::{read_limits::Limit, spelling::kept_name};
/// let limit = Limit { name: "name_characters", value: 20 };
/// assert_eq!(kept_name(" ｇeth ", limit).unwrap(), "geth");
/// assert_eq!(kept_name("'=geth", limit).unwrap(), "=geth");
/// assert!(kept_name("ge\u{200b}th", limit).unwrap_err().contains("U+200B"));
/// ```
///
/// # Errors
/// Why it cannot be kept, in words; characters that cannot be seen are shown as U+XXXX.
pub fn kept_name(name: &str, limit: Limit) -> Result<Cow<'_, str>, String> {
    let name = unquoted(name.trim_matches(|c: char| c.is_whitespace() && !c.is_control()));
    if name.len() as u64 <= limit.value && name.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(Cow::Borrowed(name));
    }
    if name.chars().count() as u64 > limit.value {
        return Err(limit.broken("longer", "characters"));
    }
    if let Some(fault) = unseen(name) {
        return Err(fault);
    }
    let shaped: Cow<'_, str> = if name.contains(['\u{fe0e}', '\u{fe0f}']) {
        Cow::Owned(name.replace(['\u{fe0e}', '\u{fe0f}'], ""))
    } else {
        Cow::Borrowed(name)
    };
    let kept = match compatible(&shaped) {
        Cow::Borrowed(_) => shaped,
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    if kept.chars().count() as u64 > limit.value {
        return Err(limit.broken("longer", "characters"));
    }
    unseen(&kept).or_else(|| accent(name)).or_else(|| misplaced_mark(&kept)).map_or(Ok(kept), Err)
}

/// Without the quote before a formula: the inverse of what the csv writer does, see `hemicycle.escaping`.
fn unquoted(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.trim_start_matches('\'').starts_with(FORMULA) => rest,
        _ => cell,
    }
}

/// The first character that nobody can see, and what it is.
fn unseen(name: &str) -> Option<String> {
    name.chars().find_map(|c| {
        if c as u32 & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}') {
            return Some(format!("holds U+{:04X}, which is no character", c as u32));
        }
        let ranges = UNSEEN.iter().chain(&UNSEEN_ABOVE);
        let what = ranges.filter(|(from, to, _)| (*from..=*to).contains(&c)).map(|(_, _, what)| what).next()?;
        Some(format!("holds U+{:04X}, {what}; write it without", c as u32))
    })
}

/// An accent on a space, which NFKC takes apart: the mark would then stand on whatever is before it.
fn accent(name: &str) -> Option<String> {
    name.chars().filter(|c| !c.is_ascii()).find_map(|c| {
        let mut parts = std::iter::once(c).nfkc();
        let alone = parts.next() == Some(' ') && parts.next().is_some_and(is_combining_mark);
        alone.then(|| format!("holds U+{:04X}, an accent with no letter under it", c as u32))
    })
}

/// A combining mark with no letter to stand on, or too many of them on one.
fn misplaced_mark(name: &str) -> Option<String> {
    let (mut before, mut n_marks) = (' ', 0);
    for c in name.chars() {
        if is_combining_mark(c) {
            n_marks += 1;
            if before.is_whitespace() {
                return Some(format!("holds U+{:04X}, a combining mark with no letter before it", c as u32));
            }
            if n_marks > MOST_MARKS {
                return Some(format!("holds U+{:04X} after {MOST_MARKS} other combining marks", c as u32));
            }
        } else {
            n_marks = 0;
        }
        before = c;
    }
    None
}

/// How often a shape is looked at again: the small form of a letter may look like a capital, as in circles it does.
const MAX_LOOKS: usize = 8;

/// What a name looks like: names with one skeleton (UTS 39) are hard to tell apart. In the case that is written, since
/// a capital I looks like a small l, and then in lower case. Several spaces are one.
///
/// ```
/// use hemicycle_core::spelling::skeleton;
/// assert_eq!(skeleton("\u{430}lice"), skeleton("alice")); // the first begins with a Cyrillic letter
/// assert_eq!(skeleton("sigp/Iighthouse"), skeleton("sigp/lighthouse"));
/// assert_eq!(skeleton("\u{24c1}"), skeleton("\u{24d8}")); // an L and a small i in circles, as lines without serifs
/// assert_ne!(skeleton("alice"), skeleton("bob"));
/// ```
#[must_use]
pub fn skeleton(name: &str) -> String {
    let mut shape: String = confusable(name).collect();
    for _ in 0..MAX_LOOKS {
        let next: String = confusable(&shape.to_lowercase()).collect();
        if next == shape {
            break;
        }
        shape = next;
    }
    shape.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// For each name the place of the first of `others` that looks like it and is another item; none for most.
#[must_use]
pub fn look_alikes(names: &[String], others: &[String]) -> Vec<Option<usize>> {
    let mut first: HashMap<String, usize> = HashMap::new();
    for (place, other) in others.iter().enumerate() {
        first.entry(skeleton(&item_key(other))).or_insert(place);
    }
    let alike = |name: &String| {
        let place =
            [skeleton(stripped(name)), skeleton(&item_key(name))].iter().find_map(|shape| first.get(shape).copied())?;
        (item_key(name) != item_key(&others[place])).then_some(place)
    };
    names.iter().map(alike).collect()
}

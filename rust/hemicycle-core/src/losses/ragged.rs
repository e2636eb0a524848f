//! Labels of one pair after those of another, as many as each has.
//!
//! The pairs of a block are sorted by their number of labels, so that those of a vector have equal numbers, or nearly:
//! beyond its labels a pair has labels of weight 0.

use std::borrow::Cow;

use super::numbers::Number;
use super::registers::Machine;
use super::shares::ROWS;
use super::tile::{Source, Tile};

/// Pairs that are sorted together.
pub(super) const BLOCK: usize = 1024;

/// Numbers of labels below this are told apart; of larger ones eight classes an octave.
const EXACT: usize = 64;

/// Classes of numbers of labels.
const CLASSES: usize = EXACT + 8 * (usize::BITS as usize - 6);

/// Labels of a block that are copied: no more than the second cache holds.
const COPIED: usize = 32 * BLOCK;

/// The labels of a block of pairs.
pub(super) struct Ragged<'a, T: Number> {
    /// The labels of the pairs of the block. They are copied in their order, which memory is fast in, before the pairs are
    /// read in another.
    labels: Cow<'a, [T]>,
    weights: Option<&'a [T]>,
    /// By place, the pair.
    pub order: Vec<usize>,
    /// By place, the first label and their number.
    spans: Vec<(usize, usize)>,
}

/// The class of a number of labels; numbers of one class differ by an eighth at most.
fn class(n_labels: usize) -> usize {
    if n_labels < EXACT {
        return n_labels;
    }
    let octave = n_labels.ilog2() as usize;
    EXACT + 8 * (octave - 6) + (n_labels >> (octave - 3)) % 8
}

impl<'a, T: Number> Ragged<'a, T> {
    /// From the labels of all pairs and the offsets of a block; `None` where these do not increase from number to number.
    pub fn new(labels: &'a [T], weights: Option<&'a [T]>, offsets: &[i64]) -> Option<Self> {
        let begin = usize::try_from(*offsets.first()?).ok()?;
        let end = usize::try_from(*offsets.last()?).ok()?;
        let labels = labels.get(begin..end)?;
        let weights = weights.and_then(|weights| weights.get(begin..end));
        let mut begins = [0; CLASSES];
        let mut highest = 0;
        for pair in offsets.windows(2) {
            let n_labels = usize::try_from(pair[1].checked_sub(pair[0])?).ok().filter(|n| *n > 0)?;
            highest = highest.max(class(n_labels));
            begins[class(n_labels)] += 1;
        }
        let mut place = 0;
        for begin in &mut begins[..=highest] {
            place += std::mem::replace(begin, place);
        }
        let (mut order, mut spans) = (vec![0; offsets.len() - 1], vec![(0, 0); offsets.len() - 1]);
        for (pair, ends) in offsets.windows(2).enumerate() {
            let n_labels = (ends[1] - ends[0]) as usize;
            let place = &mut begins[class(n_labels)];
            order[*place] = pair;
            spans[*place] = ((ends[0] - offsets[0]) as usize, n_labels);
            *place += 1;
        }
        let labels = if labels.len() <= COPIED { Cow::Owned(labels.to_vec()) } else { Cow::Borrowed(labels) };
        Some(Self { labels, weights, order, spans })
    }

    /// The places of a tile's vectors, the last of them shorter.
    #[inline(always)]
    fn tile<M: Machine>(&self, start: usize) -> &[(usize, usize)] {
        &self.spans[start..(start + Tile::<T, M>::PAIRS).min(self.spans.len())]
    }

    /// The labels, and the weights, of a pair that lie in a column.
    #[inline(always)]
    #[expect(clippy::manual_map, reason = "a closure could be compiled without the instructions of the kernel")]
    fn piece(&self, (begin, n_labels): (usize, usize), column: usize) -> (&[T], Option<&[T]>) {
        let (first, last) = ((column * ROWS).min(n_labels), ((column + 1) * ROWS).min(n_labels));
        let piece = begin + first..begin + last;
        let weights = match self.weights {
            Some(weights) => Some(&weights[piece.clone()]),
            None => None,
        };
        (&self.labels[piece], weights)
    }
}

impl<T: Number, M: Machine> Source<T, M> for Ragged<'_, T> {
    #[inline(always)]
    fn n_columns(&self, start: usize) -> usize {
        let mut greatest = 0;
        for (_, n_labels) in self.tile::<M>(start) {
            greatest = greatest.max(*n_labels);
        }
        greatest.div_ceil(ROWS)
    }

    #[inline(always)]
    fn fill(&self, tile: &mut Tile<T, M>, start: usize, column: usize) {
        for (vector, spans) in self.tile::<M>(start).chunks(Tile::<T, M>::LANES).enumerate() {
            let (mut least, mut greatest) = (usize::MAX, 0);
            for (_, n_labels) in spans {
                least = least.min(*n_labels);
                greatest = greatest.max(*n_labels);
            }
            let rows = greatest.saturating_sub(column * ROWS).min(ROWS);
            let weighted = self.weights.is_some() || least < greatest;
            tile.shape(vector, rows, weighted);
            for lane in 0..if rows > 0 { Tile::<T, M>::LANES } else { 0 } {
                // lanes beyond the last pair repeat it
                let (labels, weights) = self.piece(spans[lane.min(spans.len() - 1)], column);
                tile.set_lane(vector, lane, labels);
                if weighted {
                    tile.set_lane_weights(vector, lane, weights, labels.len());
                }
            }
        }
    }
}

//! Sums inside crowds: each point is compared with all of its own corner of a crowd, and with samples of ever wider
//! surroundings.
//!
//! A crowd that is too large to compare each with each is divided by the nearest of a few of its points, and so are its
//! parts. A point is compared with a sample of the other parts at every level: a systematic sample with known
//! probabilities, half of it in proportion to the weights and half alike for all, so that neither a few with large
//! shares nor many with small ones are overlooked (systematic sampling: W. G. Madow, "On the theory of systematic
//! sampling, II", 1949, doi:10.1214/aoms/1177729988; T. Hesterberg, "Weighted average importance sampling and defensive
//! mixture distributions", 1995, doi:10.1080/00401706.1995.10484303).

use rayon::prelude::*;

use crate::error::Result;
use crate::kernels::{InstructionSet, Kernel, Simd};
use crate::parallel::Execution;

use super::NEAR;
use super::crowds::Crowds;
use super::geometry::STEP;
use super::groups::Groups;
use super::lists::{AroundPoints, List, SIDE_BY_SIDE, squared_distances};
use super::points::Points;
use super::random::Stream;

/// So many are compared each with each.
const MAX_WHOLE: usize = 512;

/// Points of a sample.
const N_SAMPLED: usize = 256;

/// Points of a sample that is to tell how many are near, where few are: an error of a count is one of every share.
const N_COUNTED: usize = 2048;

/// Parts that a crowd is divided into, at most.
const N_PARTS: usize = 2 * STEP;

/// A crowd is not divided where so many of the centres of its parts are near to every point: samples then tell all.
const MANY_NEAR: u32 = N_PARTS as u32 / 4;

/// A crowd is divided this often, at most.
const MAX_LEVELS: usize = 8;

/// Points that one task looks at.
const AT_ONCE: usize = 2048;

/// A crowd or a part of one.
#[derive(Debug)]
struct Stratum {
    start: usize,
    end: usize,
    /// Where each of its own parts begins, and the end of the last; empty if it is not divided.
    parts: Vec<u32>,
}

impl Stratum {
    fn len(&self) -> usize {
        self.end - self.start
    }

    /// Those that these points are not compared with here: their own part.
    fn skip(&self, points: std::ops::Range<usize>, skipped: &mut Vec<[u32; 2]>) {
        skipped.clear();
        if self.parts.is_empty() {
            skipped.extend(points.map(|point| [point as u32, point as u32 + 1]));
            return;
        }
        let mut part = self.parts.partition_point(|&start| start as usize <= points.start) - 1;
        skipped.extend(points.map(|point| {
            if self.parts[part + 1] as usize <= point {
                part += 1;
            }
            [self.parts[part], self.parts[part + 1]]
        }));
    }
}

/// Crowds, their parts, the parts of those, ...: level by level in the order of the points.
#[derive(Debug)]
pub(super) struct Strata {
    levels: Vec<Vec<Stratum>>,
    seed: u64,
}

impl Strata {
    /// Divide crowds, and change their order to that of the parts.
    pub(super) fn new(
        points: Points<'_>,
        crowds: &mut Crowds,
        seed: u64,
        instructions: InstructionSet,
        execution: &Execution,
    ) -> Result<Self> {
        let mut levels = vec![];
        let mut starts: Vec<[u32; 2]> = crowds.starts.windows(2).map(|ends| [ends[0], ends[1]]).collect();
        while !starts.is_empty() {
            let may_divide = levels.len() + 1 < MAX_LEVELS;
            let level = pieces(&mut crowds.order, &starts).into_par_iter().map(|(start, members)| {
                let mut stratum = Stratum { start, end: start + members.len(), parts: vec![] };
                if may_divide && members.len() > MAX_WHOLE {
                    let mut stream = Stream::of([seed, levels.len() as u64, start as u64]);
                    stratum.parts = divide(points, (start, members), &mut stream, instructions, execution)?;
                }
                execution.interrupt.check()?;
                Ok(stratum)
            });
            let level = level.collect::<Result<Vec<_>>>()?;
            starts = level.iter().flat_map(|stratum| stratum.parts.windows(2)).map(|ends| [ends[0], ends[1]]).collect();
            levels.push(level);
        }
        Ok(Self { levels, seed })
    }

    /// Add the sums around each point, of all in its crowd that are near where groups are wanted, else of shares.
    pub(super) fn add(
        &self,
        points: Points<'_>,
        (share, groups): (&[f64], Option<&Groups>),
        instructions: InstructionSet,
        execution: &Execution,
        out: &mut [f64],
    ) -> Result<()> {
        for level in &self.levels {
            let samples: Vec<_> = level.par_iter().map(|stratum| self.sample(stratum, share)).collect();
            let end = level.last().map_or(0, |stratum| stratum.end);
            out[..end].par_chunks_mut(AT_ONCE).enumerate().try_for_each_init(
                || (List::default(), vec![]),
                |(list, skipped), (chunk, out)| {
                    let (first, end) = (chunk * AT_ONCE, chunk * AT_ONCE + out.len());
                    let from = level.partition_point(|stratum| stratum.end <= first);
                    for (stratum, sample) in level[from..].iter().zip(&samples[from..]) {
                        if stratum.start >= end {
                            break;
                        }
                        let (from, to) = (stratum.start.max(first), stratum.end.min(end));
                        stratum.skip(from..to, skipped);
                        list.fill(points, sample.iter().copied());
                        let sums = &mut out[from - first..to - first];
                        let first = from;
                        instructions.run(AroundPoints { points, first, list, skipped, groups, sums });
                        execution.interrupt.check()?;
                    }
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    /// Who the points of a stratum are compared with, and how much each stands for.
    fn sample(&self, stratum: &Stratum, share: &[f64]) -> Vec<(u32, f32)> {
        let value = |point: usize| if share.is_empty() { 1.0 } else { share[point] };
        let is_count = share.is_empty() && !stratum.parts.is_empty();
        let n_sampled = if is_count { N_COUNTED } else { N_SAMPLED };
        if stratum.len() <= n_sampled.max(MAX_WHOLE) {
            return (stratum.start..stratum.end).map(|point| (point as u32, value(point) as f32)).collect();
        }
        let members = stratum.start..stratum.end;
        let total: f64 = members.clone().map(value).sum();
        let alike = 0.5 / stratum.len() as f64;
        let (mut sampled, mut reached) = (vec![], 0.0);
        let mut next = Stream::of([self.seed, stratum.start as u64, stratum.end as u64]).uniform();
        for point in members {
            let value = value(point);
            let expected = n_sampled as f64 * (alike + 0.5 * value / total);
            reached += expected;
            while next < reached {
                sampled.push((point as u32, (value / expected) as f32));
                next += 1.0;
            }
        }
        sampled
    }
}

/// Disjoint pieces of the order, each with its start.
fn pieces<'a>(mut order: &'a mut [u32], starts: &[[u32; 2]]) -> Vec<(usize, &'a mut [u32])> {
    let mut at = 0;
    let mut pieces = vec![];
    for &[start, end] in starts {
        let (piece, rest) = std::mem::take(&mut order).split_at_mut(end as usize - at);
        pieces.push((start as usize, &mut piece[start as usize - at..]));
        (order, at) = (rest, end as usize);
    }
    pieces
}

/// Put points of a crowd in the order of the part that they are nearest to, and say where the parts begin and end;
/// nowhere, if there is only one.
fn divide(
    points: Points<'_>,
    (start, members): (usize, &mut [u32]),
    stream: &mut Stream,
    instructions: InstructionSet,
    execution: &Execution,
) -> Result<Vec<u32>> {
    let mut centres = List::default();
    let chosen = (0..N_PARTS).map(|_| members[(stream.uniform() * members.len() as f64) as usize]);
    centres.fill(points, chosen.map(|point| (point, 1.0)));
    let mut part_of = vec![0_u8; members.len()];
    let tasks = part_of.par_chunks_mut(AT_ONCE).zip(members.par_chunks(AT_ONCE)).map(|(part_of, members)| {
        execution.interrupt.check()?;
        Ok(instructions.run(Nearest { points, centres: &centres, members, part_of }))
    });
    let n_near = tasks.try_reduce(|| u32::MAX, |x, y| Ok(x.min(y)))?;
    if n_near >= MANY_NEAR {
        return Ok(vec![]);
    }
    let mut ends = [0_usize; N_PARTS];
    part_of.iter().for_each(|&part| ends[part as usize] += 1);
    let mut parts = vec![start as u32];
    let mut end = 0;
    for size in ends.iter_mut().filter(|size| **size > 0) {
        (end, *size) = (end + *size, end);
        parts.push((start + end) as u32);
    }
    if parts.len() == 2 {
        return Ok(vec![]);
    }
    let before = members.to_vec();
    for (&part, point) in part_of.iter().zip(before) {
        let place = &mut ends[part as usize];
        members[*place] = point;
        *place += 1;
    }
    Ok(parts)
}

/// The nearest centre of each point, of equals the first; returns how many are near to each point, at least.
struct Nearest<'a> {
    points: Points<'a>,
    centres: &'a List,
    members: &'a [u32],
    part_of: &'a mut [u8],
}

impl Kernel for Nearest<'_> {
    type Output = u32;

    #[inline(always)]
    fn run<const FMA: bool>(self, _: impl Simd) -> u32 {
        let Self { points, centres, members, part_of } = self;
        let mut least_near = u32::MAX;
        for (members, part_of) in members.chunks(SIDE_BY_SIDE).zip(part_of.chunks_mut(SIDE_BY_SIDE)) {
            let mut own = [points.of(members[0] as usize); SIDE_BY_SIDE];
            for (own, &member) in own.iter_mut().zip(members) {
                *own = points.of(member as usize);
            }
            let mut least = [f32::INFINITY; SIDE_BY_SIDE];
            let mut n_near = [0; SIDE_BY_SIDE];
            for (block, others) in centres.sixteens(points.n_coordinates).enumerate() {
                let squared = squared_distances::<FMA>(&own, others);
                for (i, part_of) in part_of.iter_mut().enumerate() {
                    for (lane, &squared) in squared[i].iter().enumerate() {
                        n_near[i] += u32::from(squared <= (NEAR * NEAR) as f32);
                        if squared < least[i] {
                            least[i] = squared;
                            *part_of = (block * STEP + lane) as u8;
                        }
                    }
                }
            }
            for &n_near in &n_near[..members.len()] {
                least_near = least_near.min(n_near);
            }
        }
        least_near
    }
}

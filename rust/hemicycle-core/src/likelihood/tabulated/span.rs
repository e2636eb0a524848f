//! A part of the line of scaled distances from the middle, with a direction.

/// From `first`, where the place is -1, to `last`, where it is 1; either may be the lower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub first: f64,
    pub last: f64,
}

impl Span {
    /// The point at a place in `[-1, 1]`.
    pub(super) fn at(self, place: f64) -> f64 {
        self.centre() + 0.5 * (self.last - self.first) * place
    }

    /// Half way between the ends.
    pub(super) fn centre(self) -> f64 {
        0.5 * (self.first + self.last)
    }

    /// Half the distance between the ends.
    pub(super) fn half(self) -> f64 {
        0.5 * (self.last - self.first).abs()
    }

    /// The largest distance from the middle.
    pub(super) fn reach(self) -> f64 {
        self.first.abs().max(self.last.abs())
    }

    /// Both halves, the first first.
    pub(super) fn halves(self) -> [Self; 2] {
        let centre = self.centre();
        [Self { last: centre, ..self }, Self { first: centre, ..self }]
    }
}

//! How much is read of what strangers send. Every limit has a name; a refusal says the name, the value and what raises it.

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its name, a field of [`ReadLimits`].
    pub name: &'static str,
    /// The most that is read.
    pub value: u64,
}

impl Limit {
    /// What is said of something beyond the limit.
    ///
    /// ```
    /// use hemicycle_core::read_limits::Limit;
    /// let limit = Limit { name: "rows", value: 5 };
    /// assert_eq!(limit.broken("more", "rows"), "more than the limit of 5 rows (rows; limits= and --limit raise it)");
    /// ```
    #[must_use]
    pub fn broken(&self, more: &str, unit: &str) -> String {
        format!("{more} than the limit of {} {unit} ({}; limits= and --limit raise it)", self.value, self.name)
    }
}

/// The limits of all readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes of a table: a jury, an item list, a file of many submissions.
    pub file_bytes: u64,
    /// Bytes of a submission.
    pub submission_bytes: u64,
    /// Bytes of one physical line.
    pub line_bytes: u64,
    /// Records of a table, below the header.
    pub rows: u64,
    /// Records of a submission, below the header.
    pub submission_rows: u64,
    /// Columns of a header.
    pub columns: u64,
    /// Characters of a name.
    pub name_characters: u64,
    /// Files of a folder and members of an archive.
    pub files: u64,
    /// Bytes of all submissions of a folder; packed and unpacked bytes of an archive.
    pub total_bytes: u64,
    /// How many times its packed size a member of a zip archive may unpack to, above 1 MiB.
    pub ratio: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            file_bytes: 256 << 20,
            submission_bytes: 8 << 20,
            line_bytes: 1 << 20,
            rows: 5_000_000,
            submission_rows: 100_000,
            columns: 1_024,
            name_characters: 200,
            files: 1_000_000,
            total_bytes: 4 << 30,
            ratio: 200,
        }
    }
}

/// The limits of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableLimits {
    /// Bytes of the file.
    pub bytes: Limit,
    /// Bytes of one physical line.
    pub line_bytes: Limit,
    /// Records below the header.
    pub rows: Limit,
    /// Columns of the header.
    pub columns: Limit,
    /// Characters of a name.
    pub name_characters: Limit,
}

impl ReadLimits {
    /// The limits of a table.
    #[must_use]
    pub const fn table(&self) -> TableLimits {
        TableLimits {
            bytes: Limit { name: "file_bytes", value: self.file_bytes },
            rows: Limit { name: "rows", value: self.rows },
            ..self.submission()
        }
    }

    /// The limits of one submission.
    #[must_use]
    pub const fn submission(&self) -> TableLimits {
        TableLimits {
            bytes: Limit { name: "submission_bytes", value: self.submission_bytes },
            line_bytes: Limit { name: "line_bytes", value: self.line_bytes },
            rows: Limit { name: "submission_rows", value: self.submission_rows },
            columns: Limit { name: "columns", value: self.columns },
            name_characters: self.name(),
        }
    }

    /// The limit of a name.
    #[must_use]
    pub const fn name(&self) -> Limit {
        Limit { name: "name_characters", value: self.name_characters }
    }

    /// The limit of the number of files.
    #[must_use]
    pub const fn files(&self) -> Limit {
        Limit { name: "files", value: self.files }
    }

    /// The limit of all bytes.
    #[must_use]
    pub const fn total_bytes(&self) -> Limit {
        Limit { name: "total_bytes", value: self.total_bytes }
    }

    /// The limit of the growth of a packed member.
    #[must_use]
    pub const fn ratio(&self) -> Limit {
        Limit { name: "ratio", value: self.ratio }
    }
}

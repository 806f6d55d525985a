//! Which files belong to a log: `NAME-00000001.log`, … and `NAME-a.mark`, `NAME-b.mark`; and what was left half made.

use crate::disk::{Disk, DiskError, TEMP_SUFFIX};

/// A log's files as found.
pub(crate) struct Files {
    /// Numbers of its segments, ascending.
    pub(crate) segments: Vec<u32>,
    /// Names of half-made files.
    pub(crate) temps: Vec<String>,
}

impl Files {
    pub(crate) fn list(disk: &(impl Disk + ?Sized), log: &str) -> Result<Files, DiskError> {
        let mut files = Files { segments: Vec::new(), temps: Vec::new() };
        for name in disk.list()? {
            let Some(rest) = name.strip_prefix(log).and_then(|rest| rest.strip_prefix('-')) else { continue };
            if rest.ends_with(TEMP_SUFFIX) {
                files.temps.push(name);
            } else if let Some(number) = rest.strip_suffix(".log").and_then(|digits| digits.parse().ok())
                && Files::segment(log, number) == name
            {
                files.segments.push(number);
            }
        }
        files.segments.sort_unstable();
        Ok(files)
    }

    /// The name of a segment.
    pub(crate) fn segment(log: &str, number: u32) -> String {
        format!("{log}-{number:08}.log")
    }
}

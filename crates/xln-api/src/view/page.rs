//! Pages of lists: by number from 1, or by a cursor: the key of the last item seen, so that it stays good while the list grows.

use crate::error::ApiError;
use crate::text::{AsText, Text};
use schemars::JsonSchema;
use serde::Serialize;

/// Most items of a page.
pub(crate) const LIMIT_MAX: u64 = 1000;
/// Items of a page that doesn't say.
const LIMIT_DEFAULT: u64 = 100;

/// Which page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageOf<K = u64> {
    page: u64,
    limit: u64,
    after: Option<K>,
}

impl<K> PageOf<K> {
    /// Checks what a caller asked for.
    pub(crate) fn new(page: Option<u64>, limit: Option<u64>, cursor: Option<AsText<K>>) -> Result<PageOf<K>, ApiError> {
        let (page, limit) = (page.unwrap_or(1), limit.unwrap_or(LIMIT_DEFAULT));
        if page == 0 {
            return Err(ApiError::invalid("page", "out_of_range", "pages count from 1").with("expected", 1));
        }
        if limit == 0 || LIMIT_MAX < limit {
            let error = ApiError::invalid("limit", "out_of_range", "a page has 1 to 1000 items");
            return Err(error.with("expected", LIMIT_MAX));
        }
        Ok(PageOf { page, limit, after: cursor.map(|cursor| cursor.0) })
    }
}

/// Where a page stands.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Pagination {
    /// Its number, from 1.
    page: u64,
    /// Most items on it.
    limit: u64,
    /// Items on all pages.
    total: u64,
    /// The cursor of the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Takes one page out of a list that passes by in the order of its keys: by creation, where they are numbers.
pub(crate) struct Pager<T, K = u64> {
    of: PageOf<K>,
    total: u64,
    skipped: u64,
    taken: Vec<T>,
    last: Option<K>,
    more: bool,
}

impl<T, K: PartialOrd + Text> Pager<T, K> {
    pub(crate) fn new(of: PageOf<K>) -> Pager<T, K> {
        let skipped = if of.after.is_some() { 0 } else { (of.page - 1).saturating_mul(of.limit) };
        Pager { of, total: 0, skipped, taken: Vec::new(), last: None, more: false }
    }

    /// The next match; `key` rises from one to the next, and stays the item's own.
    pub(crate) fn offer(&mut self, key: K, make: impl FnOnce() -> T) {
        self.total = self.total.saturating_add(1);
        if self.of.after.as_ref().is_some_and(|after| key <= *after) {
            return;
        }
        if 0 < self.skipped {
            self.skipped -= 1;
        } else if (self.taken.len() as u64) < self.of.limit {
            self.taken.push(make());
            self.last = Some(key);
        } else {
            self.more = true;
        }
    }

    /// The page's items and where it stands.
    pub(crate) fn finish(self) -> (Vec<T>, Pagination) {
        let next = self.last.filter(|_| self.more).map(|last| last.write());
        let (page, limit, total) = (self.of.page, self.of.limit, self.total);
        (self.taken, Pagination { page, limit, total, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page: u64, limit: u64, cursor: Option<u64>, length: u64) -> (Vec<u64>, Option<u64>, u64) {
        let of = PageOf::new(Some(page), Some(limit), cursor.map(AsText)).expect("valid");
        let mut pager = Pager::new(of);
        for number in 0..length {
            pager.offer(number, || number);
        }
        let (items, pagination) = pager.finish();
        (items, pagination.next.and_then(|next| next.parse().ok()), pagination.total)
    }

    #[test]
    fn pages_and_cursors_cover_a_list_once() {
        assert_eq!(page(1, 2, None, 5), (vec![0, 1], Some(1), 5));
        assert_eq!(page(2, 2, None, 5), (vec![2, 3], Some(3), 5));
        assert_eq!(page(3, 2, None, 5), (vec![4], None, 5));
        assert_eq!(page(4, 2, None, 5), (vec![], None, 5));
        assert_eq!(page(1, 2, Some(1), 5), (vec![2, 3], Some(3), 5));
        assert_eq!(page(1, 9, Some(3), 6), (vec![4, 5], None, 6), "what was added since is on the next page");
        assert_eq!(page(u64::MAX, 1000, None, 5), (vec![], None, 5));
        for (page, limit) in [(0, 1), (1, 0), (1, 1001)] {
            assert!(PageOf::<u64>::new(Some(page), Some(limit), None).is_err(), "{page} {limit}");
        }
    }
}

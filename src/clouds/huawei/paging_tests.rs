//! Lists on servers that behave in each way the vendor's page leaves open.

use std::cell::{Cell, RefCell};

use proptest::prelude::*;

use super::*;
use crate::clouds::Fault;

/// A server in one of the ways the vendor's page leaves open.
#[derive(Debug, Clone, Copy)]
struct Server {
    users: usize,
    /// `None`: pays no attention to `limit` and `offset`.
    unit: Option<Counts>,
    total: Total,
    largest: usize,
    /// Refuses a larger limit instead of cutting the page.
    strict: bool,
}

#[derive(Debug, Clone, Copy)]
enum Counts {
    Rows,
    Pages,
}

#[derive(Debug, Clone, Copy)]
enum Total {
    OfTheList,
    OfThePage,
    Absent,
}

struct List {
    server: Server,
    largest: Cell<usize>,
    asked: RefCell<Vec<(usize, usize)>>,
    /// Before which call which user is removed.
    removal: Option<(usize, usize)>,
}

impl List {
    fn of(server: Server) -> Self {
        Self { server, largest: Cell::new(0), asked: RefCell::default(), removal: None }
    }
}

impl Pages for List {
    type Row = String;

    fn key(row: &String) -> &str {
        row
    }

    async fn page(&self, limit: usize, offset: usize) -> Result<Page<String>, CloudError> {
        let server = self.server;
        let calls = self.asked.borrow().len();
        self.asked.borrow_mut().push((limit, offset));
        let mut users = names(server.users);
        if let Some((call, user)) = self.removal
            && calls >= call
        {
            users.remove(user);
        }
        if server.strict && limit > server.largest {
            return Err(CloudError::Rejected { fault: Fault::of("list", "limit") });
        }
        let size = limit.min(server.largest);
        let total = users.len();
        let rows: Vec<String> = match server.unit {
            None => users,
            Some(Counts::Rows) => users.into_iter().skip(offset).take(size).collect(),
            Some(Counts::Pages) => users.into_iter().skip(offset * size).take(size).collect(),
        };
        let total = match server.total {
            Total::OfTheList => Some(total),
            Total::OfThePage => Some(rows.len()),
            Total::Absent => None,
        };
        Ok(Page { rows, total })
    }

    fn largest_page(&self, rows: usize) -> usize {
        self.largest.replace(self.largest.get().max(rows))
    }
}

fn names(users: usize) -> Vec<String> {
    (0..users).map(|number| format!("user{number}")).collect()
}

fn read(list: &List) -> Result<Vec<String>, Incomplete> {
    futures::executor::block_on(read_all(list))
}

fn calls(server: Server) -> usize {
    let list = List::of(server);
    assert_eq!(read(&list), Ok(names(server.users)), "{server:?}");
    list.asked.take().len()
}

const PLAIN: Server = Server { users: 0, unit: Some(Counts::Rows), total: Total::Absent, largest: 1000, strict: false };

#[test]
fn every_reading_of_the_vendors_page_gives_the_whole_list() {
    for users in [0, 1, 2, 9, 10, 11, 49, 50, 51, 99, 100, 101, 149, 150, 199, 200, 201, 250, 400] {
        for unit in [None, Some(Counts::Rows), Some(Counts::Pages)] {
            for total in [Total::OfTheList, Total::Absent] {
                for largest in [10, 50, 99, 100, 1000] {
                    calls(Server { users, unit, total, largest, strict: false });
                }
            }
            calls(Server { users, unit, total: Total::OfTheList, largest: 100, strict: true });
        }
    }
}

#[test]
fn a_total_that_is_only_the_pages_is_seen_through_when_the_page_is_full() {
    for unit in [Counts::Rows, Counts::Pages] {
        calls(Server { users: 250, unit: Some(unit), total: Total::OfThePage, ..PLAIN });
    }
}

#[test]
fn a_usual_list_takes_one_call_and_a_long_one_with_a_total_two() {
    assert_eq!(calls(Server { users: 9, ..PLAIN }), 1);
    assert_eq!(calls(Server { users: 99, total: Total::OfTheList, ..PLAIN }), 1);
    assert_eq!(calls(Server { users: 900, total: Total::OfTheList, ..PLAIN }), 2);
}

#[test]
fn a_page_shorter_than_an_earlier_one_needs_no_second_look() {
    let list = List::of(Server { users: 30, ..PLAIN });
    list.largest.set(31);
    assert_eq!(read(&list), Ok(names(30)));
    assert_eq!(list.asked.take(), [(100, 0)]);
    let list = List::of(Server { users: 30, ..PLAIN });
    list.largest.set(30);
    assert_eq!(read(&list), Ok(names(30)));
    assert_eq!(list.asked.take(), [(100, 0), (100, 1)]);
}

#[test]
fn a_list_that_changes_while_it_is_read_is_no_list() {
    for unit in [Counts::Rows, Counts::Pages] {
        for total in [Total::OfTheList, Total::Absent] {
            let server = Server { users: 170, unit: Some(unit), total, largest: 50, strict: false };
            let last = calls(server) - 1;
            for call in 1..=last {
                let changing = List { removal: Some((call, 3)), ..List::of(server) };
                let result = read(&changing);
                let right = [names(170), {
                    let mut names = names(170);
                    names.remove(3);
                    names
                }];
                assert!(result.is_err() || result.is_ok_and(|rows| right.contains(&rows)), "{server:?} {call}");
            }
        }
    }
}

#[test]
fn what_cannot_be_read_completely_is_an_error() {
    struct Fixed(Vec<&'static str>, Option<usize>);
    impl Pages for Fixed {
        type Row = &'static str;
        fn key<'a>(row: &'a &'static str) -> &'a str {
            row
        }
        async fn page(&self, limit: usize, _: usize) -> Result<Page<&'static str>, CloudError> {
            Ok(Page { rows: self.0.iter().take(limit).copied().collect(), total: self.1 })
        }
        fn largest_page(&self, _: usize) -> usize {
            0
        }
    }
    let error =
        |rows: &[&'static str], total| futures::executor::block_on(read_all(&Fixed(rows.to_vec(), total))).err();
    let twelve = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    for (rows, total, message) in [
        (&["a", "a"][..], None, "a row comes twice, as when the list changes while it is read"),
        (&["a", "b"], Some(1), "more rows than their total"),
        (&["a", "b"], Some(3), "fewer rows than their total"),
        (&[], Some(3), "fewer rows than their total"),
        (&["a"], Some(1_000_000), "the list is too long"),
        (&twelve, None, "every offset gives the same page"),
    ] {
        assert_eq!(error(rows, total), Some(Incomplete::Inconsistent(message)), "{rows:?} {total:?}");
    }
    assert_eq!(error(&["a", "b"], None), None);
}

#[test]
fn a_list_of_more_than_ten_thousand_rows_is_read_however_few_a_page_has() {
    struct Long(usize, Option<usize>);
    impl Pages for Long {
        type Row = String;
        fn key(row: &String) -> &str {
            row
        }
        async fn page(&self, limit: usize, offset: usize) -> Result<Page<String>, CloudError> {
            let rows = (0..self.0).skip(offset).take(limit.min(10)).map(|number| number.to_string());
            Ok(Page { rows: rows.collect(), total: self.1 })
        }
        fn largest_page(&self, _: usize) -> usize {
            0
        }
    }
    for (rows, total) in [(12_005, None), (12_005, Some(12_005)), (25_000, Some(25_000))] {
        let result = futures::executor::block_on(read_all(&Long(rows, total)));
        assert_eq!(result.map(|all| all.len()), Ok(rows), "{total:?}");
    }
}

/// P3. Fails when what has been read of it until it is given up counts as all of it.
#[test]
fn an_endless_list_comes_to_an_end() {
    struct Endless(Cell<usize>);
    impl Pages for Endless {
        type Row = String;
        fn key(row: &String) -> &str {
            row
        }
        async fn page(&self, limit: usize, _: usize) -> Result<Page<String>, CloudError> {
            let start = self.0.replace(self.0.get() + limit);
            Ok(Page { rows: (start..start + limit).map(|number| number.to_string()).collect(), total: None })
        }
        fn largest_page(&self, _: usize) -> usize {
            0
        }
    }
    let result = futures::executor::block_on(read_all(&Endless(Cell::new(0))));
    assert_eq!(result.err(), Some(Incomplete::Inconsistent("the list is too long")));
}

proptest! {
    #[test]
    fn whatever_the_server_does_the_list_is_right_or_an_error(
        users in 0_usize..320,
        unit in prop::option::of(prop::sample::select(vec![Counts::Rows, Counts::Pages])),
        total in prop::sample::select(vec![Total::OfTheList, Total::Absent]),
        largest in SMALLEST_LIMIT..400,
        strict: bool,
    ) {
        let list = List::of(Server { users, unit, total, largest, strict });
        let result = read(&list);
        prop_assert!(matches!(&result, Ok(rows) if *rows == names(users)) || (strict && result.is_err()));
    }
}

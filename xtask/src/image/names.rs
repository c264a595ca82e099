//! A name server for one name, as a pod finds the API server by the cluster's.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::failure::{Failure, Result};

/// Where it listens. The port cannot be chosen: a pod's `resolv.conf` names addresses only.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 53, 53);
const PORT: u16 = 53;

/// The API server's name, in full.
pub(super) const API_SERVER: &str = "kubernetes.default.svc.cluster.local";

/// The names that were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<Mutex<BTreeSet<String>>>);

impl Asked {
    /// Whether somebody has asked for it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn add(&self, name: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }
}

/// Answers until this process ends.
pub(super) fn serve() -> Result<Asked> {
    let failed = |error| Failure::new(format!("cannot listen on {ADDRESS}:{PORT} as a name server")).why(error);
    let socket = UdpSocket::bind((ADDRESS, PORT)).map_err(failed)?;
    let asked = Asked::default();
    let memory = asked.clone();
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            if let Some((name, answer)) = answer(&query[..length]) {
                memory.add(name);
                // Who is gone asks no more.
                let _ = socket.send_to(&answer, client);
            }
        }
    });
    Ok(asked)
}

/// The name that a query asks for, and the answer to it: this machine for the API server, if the query is for IPv4.
fn answer(query: &[u8]) -> Option<(String, Vec<u8>)> {
    const HEADER: usize = 12;
    let (mut name, mut position) = (Vec::new(), HEADER);
    loop {
        let length = usize::from(*query.get(position)?);
        position += 1;
        if length == 0 {
            break;
        }
        name.push(std::str::from_utf8(query.get(position..position + length)?).ok()?);
        position += length;
    }
    let name = name.join(".").to_ascii_lowercase();
    let question = query.get(HEADER..position + 4)?;
    let known = name == API_SERVER;
    let addresses = u8::from(known && question.ends_with(&[0, 1, 0, 1]));
    // An answer, recursion as asked and available, and whether there is such a name.
    let mut answer = query.get(..2)?.to_vec();
    answer.extend([0x81, if known { 0x80 } else { 0x83 }, 0, 1, 0, addresses, 0, 0, 0, 0]);
    answer.extend(question);
    if addresses == 1 {
        // The name of the question, type A, class IN, for five seconds, four bytes.
        answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 127, 0, 0, 1]);
    }
    Some((name, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u8) -> Vec<u8> {
        let mut query = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            query.push(u8::try_from(label.len()).unwrap());
            query.extend(label.as_bytes());
        }
        query.extend([0, 0, kind, 0, 1]);
        query
    }

    #[test]
    fn the_api_server_is_here_by_its_full_name_and_nothing_else_is_anywhere() {
        let (name, found) = answer(&query(API_SERVER, 1)).unwrap();
        assert_eq!((name.as_str(), &found[..8]), (API_SERVER, &[7, 9, 0x81, 0x80, 0, 1, 0, 1][..]));
        assert!(found.ends_with(&[127, 0, 0, 1]));
        let (_, without_ipv6) = answer(&query(API_SERVER, 28)).unwrap();
        assert_eq!(without_ipv6[2..8], [0x81, 0x80, 0, 1, 0, 0]);
        let (_, unknown) = answer(&query("kubernetes.default.svc", 1)).unwrap();
        assert_eq!(unknown[2..8], [0x81, 0x83, 0, 1, 0, 0]);
        assert_eq!(answer(&[0; 20][..3]), None);
    }
}

//! Which addresses a connection may go to, whatever a name resolves to.
//!
//! Whoever answers for a name may let it lead into the cluster's own networks, or to the machine's metadata service, which
//! gives away credentials. So the addresses are checked, not only the name: see [`permitted`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is not on the public internet: the special-purpose registry of IANA, and one address that a cloud took for itself.
const RESERVED_V4: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared by carriers, and by clouds for their inner services: Alibaba's and Huawei's are here.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(168, 63, 129, 16), 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, then what was never given out; the last of these is broadcast.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// All that is public in IPv6 lies in here.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is not, in there: protocols (Teredo among them) and documentation.
const RESERVED_V6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// IPv4 by way of a translator (NAT64), and in a tunnel (6to4).
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
const SIX_TO_FOUR: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);

/// Where clouds keep their metadata services, which hand out the machine's credentials.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// A block of addresses, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    first: IpAddr,
    prefix: u8,
}

impl Range {
    /// All of this machine's own.
    pub(super) const LOOPBACK: [Self; 2] = [
        Self { first: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix: 8 },
        Self { first: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
    ];

    /// This address and no other.
    pub(super) fn only(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { first: address, prefix: width(address) }
    }

    /// Reads `10.0.0.0/8`, or one address. None if it is not one, or has bits set that its length leaves open.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (first, prefix) = match text.split_once('/') {
            Some((first, prefix)) => (first.parse().ok()?, Some(prefix)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => width(first),
        };
        // IPv4 in IPv6's clothes is compared as IPv4, and would never be found.
        let plain = first.to_canonical() == first;
        (plain && prefix <= width(first) && masked(first, prefix) == bits(first)).then_some(Self { first, prefix })
    }

    fn covers(self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == bits(self.first)
    }

    /// May a connection go there? A metadata service is never meant by a range, only by its own address.
    fn admits(self, address: IpAddr) -> bool {
        self.covers(address) && (self.prefix == width(address) || !is_metadata(address))
    }
}

/// Why a name is not connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    /// It leads nowhere.
    #[error("{0} has no address")]
    None(String),
    /// It leads into somebody's own network.
    #[error(
        "{host} resolves only to private or reserved addresses ({address}): \
         allow them with --allow-endpoint https://host=cidr"
    )]
    NotPublic {
        /// The name.
        host: String,
        /// One of its addresses.
        address: IpAddr,
    },
    /// It leads elsewhere than the administrator said.
    #[error("{host} resolves to {address}, which is not in the ranges that --allow-endpoint gives for it")]
    OutOfRange {
        /// The name.
        host: String,
        /// One of its addresses.
        address: IpAddr,
    },
}

/// Those of a host's addresses that may be connected to: the ones in `ranges`, and the public ones if `public` says so.
pub(super) fn permitted(
    host: &str,
    addresses: impl IntoIterator<Item = IpAddr>,
    public: bool,
    ranges: &[Range],
) -> Result<Vec<IpAddr>, AddressError> {
    let addresses: Vec<IpAddr> = addresses.into_iter().map(|address| address.to_canonical()).collect();
    let Some(&address) = addresses.first() else { return Err(AddressError::None(host.to_owned())) };
    let admits = |address: &IpAddr| public && is_public(*address) || ranges.iter().any(|range| range.admits(*address));
    let permitted: Vec<IpAddr> = addresses.into_iter().filter(admits).collect();
    let host = host.to_owned();
    if !permitted.is_empty() {
        Ok(permitted)
    } else if ranges.is_empty() {
        Err(AddressError::NotPublic { host, address })
    } else {
        Err(AddressError::OutOfRange { host, address })
    }
}

/// Is this an address on the public internet, for all that can be told from it?
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !RESERVED_V4.iter().any(|block| in_v4(address, *block)),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public(IpAddr::V4(inner)),
            None => in_v6(address, GLOBAL_V6) && !RESERVED_V6.iter().any(|block| in_v6(address, *block)),
        },
    }
}

fn is_metadata(address: IpAddr) -> bool {
    let inner = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => embedded(address).map(IpAddr::V4),
    };
    METADATA.contains(&inner.unwrap_or(address))
}

/// The IPv4 address that a translator or a tunnel would go to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let at = if in_v6(address, NAT64) {
        12
    } else if in_v6(address, SIX_TO_FOUR) {
        2
    } else {
        return None;
    };
    Some(Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]))
}

fn in_v4(address: Ipv4Addr, (first, prefix): (Ipv4Addr, u8)) -> bool {
    Range { first: first.into(), prefix }.covers(address.into())
}

fn in_v6(address: Ipv6Addr, (first, prefix): (Ipv6Addr, u8)) -> bool {
    Range { first: first.into(), prefix }.covers(address.into())
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The bits of an address with all but the first `prefix` cleared.
fn masked(address: IpAddr, prefix: u8) -> u128 {
    let open = u32::from(width(address).saturating_sub(prefix));
    // A shift by the whole width is none.
    bits(address).checked_shr(open).and_then(|kept| kept.checked_shl(open)).unwrap_or(0)
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn ranges(texts: &[&str]) -> Vec<Range> {
        texts.iter().map(|text| Range::parse(text).unwrap_or_else(|| panic!("{text}"))).collect()
    }

    #[test]
    fn the_public_internet_is_public() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2000::1",
            "2001:200::1",
            "2400:3200::1",
            "3ffe:ffff::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert!(is_public(address(text)), "{text}");
        }
    }

    #[test]
    fn private_reserved_and_metadata_addresses_are_not_in_whatever_clothes() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1.1.1.1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "2002:a00:1::",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff:ffff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address(text)), "{text}");
        }
    }

    #[test]
    fn a_range_is_written_in_one_way() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "10.1.2.3", "10.1.2.3/32", "fd00::/8", "::/0", "fd00::1"] {
            assert!(Range::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10/8",
            "fd00::1/8",
            "fd00::/129",
            "::ffff:10.0.0.0/104",
            "host.example/8",
            " 10.0.0.0/8",
        ] {
            assert!(Range::parse(text).is_none(), "{text}");
        }
        assert_eq!(ranges(&["10.1.2.3"]).first().map(ToString::to_string), Some("10.1.2.3/32".to_owned()));
    }

    #[test]
    fn ranges_admit_what_lies_in_them_and_nothing_else() {
        let ranges = ranges(&["10.0.0.0/8", "fd00::/8"]);
        let seen = |texts: &[&str]| permitted("h.example", texts.iter().map(|text| address(text)), false, &ranges);
        assert_eq!(
            seen(&["1.1.1.1", "10.2.3.4", "::ffff:10.9.9.9"]),
            Ok(vec![address("10.2.3.4"), address("10.9.9.9")])
        );
        assert_eq!(seen(&["fd12::1"]), Ok(vec![address("fd12::1")]));
        let refused = AddressError::OutOfRange { host: "h.example".to_owned(), address: address("11.0.0.1") };
        assert_eq!(seen(&["11.0.0.1", "a00::1"]), Err(refused));
        assert_eq!(seen(&[]), Err(AddressError::None("h.example".to_owned())));
    }

    #[test]
    fn a_metadata_service_is_meant_only_by_its_own_address() {
        for (text, wide) in [
            ("169.254.169.254", "169.254.0.0/16"),
            ("100.100.100.200", "100.64.0.0/10"),
            ("168.63.129.16", "0.0.0.0/0"),
            ("fd00:ec2::254", "fd00::/8"),
            ("64:ff9b::169.254.169.254", "64:ff9b::/96"),
        ] {
            assert!(permitted("h", [address(text)], false, &ranges(&[wide])).is_err(), "{text}");
            assert!(permitted("h", [address(text)], false, &ranges(&[text])).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do_and_fits_into_a_message() {
        let host = "dayu.ap-southeast-3.myhuaweicloud.com";
        let refused = permitted(host, [address("2002:a9fe:a9fe:1111:2222:3333:4444:5555")], true, &[]);
        let message = refused.map_or_else(|error| error.to_string(), |_| String::new());
        assert!(message.ends_with("allow them with --allow-endpoint https://host=cidr"), "{message}");
        assert!(message.len() < 180, "{message}");
    }
}

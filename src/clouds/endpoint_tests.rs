//! Which endpoints are allowed, and how they are written.

use super::*;

fn allowed(extra: &[&str]) -> Result<AllowedEndpoints, EndpointError> {
    AllowedEndpoints::new(extra)
}

fn accepts(extra: &[&str], url: &str) -> bool {
    allowed(extra).is_ok_and(|list| list.check(url).is_ok())
}

#[test]
fn the_vendors_hosts_are_allowed_over_https() {
    for url in [
        "https://dli.cn-north-4.myhuaweicloud.com",
        "https://dli.cn-north-4.myhuaweicloud.com/",
        "https://DLI.cn-north-4.MyHuaweiCloud.com:443",
        "https://dli.eu-west-101.myhuaweicloud.eu",
        "https://iam.myhuaweicloud.com",
        "https://ehpc.cn-hangzhou.aliyuncs.com",
        "https://ehpc-vpc.cn-wuhan-lr.aliyuncs.com",
        "https://ehpc.me-east-1.aliyuncs.com",
        "https://ehpc.cn-hongkong.aliyuncs.com",
    ] {
        assert!(accepts(&[], url), "{url}");
    }
}

#[test]
fn everything_else_is_refused() {
    for url in [
        "http://dli.cn-north-4.myhuaweicloud.com",
        "https://dli.cn-north-4.myhuaweicloud.com:8443",
        "https://dli.cn-north-4.myhuaweicloud.com/v1.0",
        "https://dli.cn-north-4.myhuaweicloud.com?x",
        "https://dli.cn-north-4.myhuaweicloud.com#x",
        "https://dli.cn-north-4.myhuaweicloud.com.",
        "https://evil.com#.myhuaweicloud.com",
        "https://evil.com/.myhuaweicloud.com",
        "https://evil.com\\.myhuaweicloud.com",
        "https://evil.com?.myhuaweicloud.com",
        "https://user:pass@dli.cn-north-4.myhuaweicloud.com",
        "https://dli.cn-north-4.myhuaweicloud.com@evil.com",
        "https://evilmyhuaweicloud.com",
        "https://dli.cn-north-4.evilmyhuaweicloud.com",
        "https://myhuaweicloud.com.evil",
        "https://dli.cn-north-4.myhuaweicloud.com.evil.com",
        "https://myhuaweicloud.com",
        "https://.myhuaweicloud.com",
        "https://bucket.obs.cn-north-4.myhuaweicloud.com",
        "https://bucket.obs.myhuaweicloud.com",
        "https://obs.cn-north-4.myhuaweicloud.com",
        "https://obs.myhuaweicloud.com",
        "https://dli.myhuaweicloud.com",
        "https://dli-vpc.cn-north-4.myhuaweicloud.com",
        "https://dli.cn-north-4.myhuaweicl\u{00f6}ud.com",
        "https://dli%2ecn-north-4.myhuaweicloud.com",
        "https:// dli.cn-north-4.myhuaweicloud.com",
        "https://dli.cn-north-4.myhuaweicloud.com\n",
        "https:dli.cn-north-4.myhuaweicloud.com",
        "dli.cn-north-4.myhuaweicloud.com",
        "//dli.cn-north-4.myhuaweicloud.com",
        "file:///etc/passwd",
        "https://",
        "https://:443",
        "https://dli.cn-north-4.myhuaweicloud.com:",
        "https://dli.cn-north-4.myhuaweicloud.com:0443",
        "https://dli.cn-north-4.myhuaweicloud.com:99999",
        "https://127.0.0.1",
        "http://127.0.0.1",
        "http://localhost",
        "https://[::1]",
        "https://169.254.169.254",
        "https://2130706433",
        "https://0x7f000001",
        "https://0x7f.1",
        "https://127.1",
        "https://0177.0.0.1",
        "https://[::ffff:127.0.0.1]",
        "",
    ] {
        assert!(!accepts(&[], url), "{url}");
    }
}

#[test]
fn a_service_is_asked_for_at_its_own_hosts_or_where_the_administrator_says() {
    let list = allowed(&["anything.example"]).unwrap_or_default();
    for (service, url) in [
        ("dli", "https://dli.cn-north-4.myhuaweicloud.com"),
        ("dayu", "https://dayu.eu-west-101.myhuaweicloud.eu"),
        ("iam", "https://iam.myhuaweicloud.com"),
        ("ehpc", "https://ehpc-vpc.cn-hangzhou.aliyuncs.com"),
        ("dws", "https://anything.example"),
    ] {
        assert!(list.check_for(service, url).is_ok(), "{service} at {url}");
    }
    for (service, url) in [
        ("dli", "https://dws.cn-north-4.myhuaweicloud.com"),
        ("dli", "https://iam.myhuaweicloud.com"),
        ("dws", "https://ehpc.cn-hangzhou.aliyuncs.com"),
        ("ehpc", "https://dli.cn-north-4.myhuaweicloud.com"),
        ("dli", "https://obs.cn-north-4.myhuaweicloud.com"),
    ] {
        assert!(list.check_for(service, url).is_err(), "{service} at {url}");
    }
}

#[test]
fn of_alibabas_hosts_only_those_of_ehpc_are_allowed_and_no_customers() {
    for url in [
        "http://ehpc.cn-hangzhou.aliyuncs.com",
        "https://bucket.oss-cn-hangzhou.aliyuncs.com",
        "https://ehpc.oss-cn-hangzhou.aliyuncs.com",
        "https://ehpc.oss-accelerate.aliyuncs.com",
        "https://bucket.cn-hangzhou.aliyuncs.com",
        "https://ehpc.bucket.cn-hangzhou.aliyuncs.com",
        "https://ehpc.cn-hangzhou.oss.aliyuncs.com",
        "https://ehpc.cn-hangzhou.aliyuncs.com.evil.com",
        "https://ehpc.cn-hangzhou.evilaliyuncs.com",
        "https://ehpc.cn-.aliyuncs.com",
        "https://ehpc.aliyuncs.com",
        "https://ehpc.cn-north-4.myhuaweicloud.com.aliyuncs.com",
    ] {
        assert!(!accepts(&[], url), "{url}");
    }
}

#[test]
fn an_administrators_entry_allows_exactly_itself() {
    let extra = ["dli.private.example", "gateway.example:8443", "http://127.0.0.1:9000", "https://[::1]:1"];
    for url in [
        "https://dli.private.example",
        "https://gateway.example:8443",
        "http://127.0.0.1:9000",
        "https://[0:0::1]:1",
        "https://dli.cn-north-4.myhuaweicloud.com",
    ] {
        assert!(accepts(&extra, url), "{url}");
    }
    for url in [
        "http://dli.private.example",
        "https://dli.private.example:8443",
        "https://sub.dli.private.example",
        "https://gateway.example",
        "https://127.0.0.1:9000",
        "http://127.0.0.1:9001",
        "http://127.0.0.1",
        "http://localhost:9000",
        "http://[::1]:1",
    ] {
        assert!(!accepts(&extra, url), "{url}");
    }
}

#[test]
fn plain_http_cannot_be_allowed_beyond_this_machine() {
    for entry in ["http://dli.private.example", "http://10.0.0.1:80", "http://127.0.0.1.evil.com", "http://127.1:80"] {
        assert!(allowed(&[entry]).is_err(), "{entry}");
    }
    for entry in ["http://localhost:80", "http://127.8.9.10:80", "http://[::1]:80"] {
        assert!(allowed(&[entry]).is_ok(), "{entry}");
    }
}

#[test]
fn the_addresses_of_a_host_stand_behind_it() {
    for entry in [
        "dli.private.example=10.0.0.0/8",
        "https://dli.private.example:8443=10.0.0.0/8+192.168.0.0/16+fd00::/8+203.0.113.7",
        "https://dli.cn-north-4.myhuaweicloud.com=100.64.0.0/10",
    ] {
        assert!(allowed(&[entry]).is_ok(), "{entry}");
    }
    for entry in [
        "https://dli.private.example=",
        "https://dli.private.example=10.0.0.0/8+",
        "https://dli.private.example=10.0.0.0/8=10.0.0.0/8",
        "https://dli.private.example=10.0.0.1/8",
        "https://dli.private.example=private",
        "https://10.0.0.1=10.0.0.0/8",
        "https://[::1]=::1",
        "http://localhost:80=10.0.0.0/8",
        "http://127.0.0.1:80=127.0.0.0/8",
    ] {
        assert!(matches!(allowed(&[entry]), Err(EndpointError::Ranges(_))), "{entry}");
    }
    assert!(!accepts(&["dli.private.example=10.0.0.0/8"], "https://dli.private.example=10.0.0.0/8"));
    assert!(accepts(&["dli.private.example=10.0.0.0/8"], "https://dli.private.example"));
}

#[test]
fn what_the_entries_of_a_host_say_counts_together() {
    let permits = |extra: &[&str], host: &str, address: &str| {
        let (list, address) = (allowed(extra), address.parse::<IpAddr>());
        list.is_ok_and(|list| address.is_ok_and(|address| list.permitted(host, [address]).is_ok()))
    };
    let (one, both) = (&["h.example=10.0.0.0/8"][..], &["h.example:1=10.0.0.0/8", "h.example:2"][..]);
    for (extra, host, address, expected) in [
        (one, "h.example", "10.0.0.1", true),
        (one, "h.example", "1.1.1.1", false),
        (one, "other.example", "10.0.0.1", false),
        (both, "h.example", "10.0.0.1", true),
        (both, "h.example", "1.1.1.1", true),
        (both, "h.example", "192.168.0.1", false),
        (&["https://10.0.0.1"], "10.0.0.1", "10.0.0.1", true),
        (&["https://169.254.169.254"], "169.254.169.254", "169.254.169.254", true),
        (&["https://[fd00::1]"], "[fd00::1]", "fd00::1", true),
        (&["https://localhost"], "localhost", "127.0.0.1", true),
        (&["https://localhost"], "localhost", "10.0.0.1", false),
        // What is for plain http says nothing of https.
        (&["http://127.0.0.1:80"], "127.0.0.1", "127.0.0.1", false),
        (&[], "127.0.0.1", "127.0.0.1", false),
        (&[], "dli.cn-north-4.myhuaweicloud.com", "1.1.1.1", true),
    ] {
        assert_eq!(permits(extra, host, address), expected, "{extra:?} {host} {address}");
    }
}

#[test]
fn a_refusal_says_what_is_allowed_and_hides_a_password() {
    let list = AllowedEndpoints::default();
    let refused = |url: &str| list.check(url).map_or_else(|error| error.to_string(), |endpoint| endpoint.to_string());
    assert_eq!(
        refused("https://evil.com"),
        "`https://evil.com` is not an allowed endpoint: allowed are https://<service>.<region>.myhuaweicloud.com \
         (or .eu), with dli, dws, dayu or iam where that service is asked for, https://ehpc.<region>.aliyuncs.com (or ehpc-vpc) and what the operator's --allow-endpoint lists"
    );
    assert!(!refused("https://me:hunter2@evil.com").contains("hunter2"));
    assert!(refused("http://dli.cn-north-4.myhuaweicloud.com").contains("is not encrypted"));
}

#[test]
fn an_origin_has_one_spelling() {
    let spelled = |url: &str| parse(url).map(|endpoint| endpoint.to_string()).unwrap_or_default();
    assert_eq!(spelled("HTTPS://Host.Example:443/"), "https://host.example");
    assert_eq!(spelled("http://127.0.0.1:80"), "http://127.0.0.1");
    assert_eq!(spelled("https://host.example:80"), "https://host.example:80");
    assert_eq!(spelled("https://[::1]:8443"), "https://[::1]:8443");
}

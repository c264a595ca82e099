//! The paths of the Kubernetes API, as much of them as the object store in memory needs.

/// What a request is about.
pub struct Path {
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub subresource: String,
}

impl Path {
    /// `/apis/GROUP/VERSION[/namespaces/NS]/RESOURCE[/NAME[/SUB]]`, or `/api/v1…`.
    pub fn parse(path: &str) -> Self {
        let mut parts = path.trim_matches('/').split('/').map(str::to_owned).peekable();
        let prefix = if parts.next().as_deref() == Some("api") { 1 } else { 2 };
        let mut parts = parts.skip(prefix).peekable();
        let mut namespace = String::new();
        if parts.peek().is_some_and(|part| part == "namespaces") {
            parts.next();
            namespace = parts.next().unwrap_or_default();
            if parts.peek().is_none() {
                let (resource, name) = ("namespaces".to_owned(), std::mem::take(&mut namespace));
                return Self { namespace, resource, name, subresource: String::new() };
            }
        }
        let mut next = || parts.next().unwrap_or_default();
        Self { namespace, resource: next(), name: next(), subresource: next() }
    }

    pub fn key(&self) -> (String, String, String) {
        (self.resource.clone(), self.namespace.clone(), self.name.clone())
    }

    pub fn written(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    pub fn covers(&self, resource: &str, namespace: &str) -> bool {
        self.resource == resource && (self.namespace.is_empty() || self.namespace == namespace)
    }

    pub fn is_custom(&self) -> bool {
        !matches!(self.resource.as_str(), "secrets" | "events" | "namespaces")
    }
}

;; Carries a type that needs garbage collection, a feature that is off.
(component (core module (type (struct (field i32)))))

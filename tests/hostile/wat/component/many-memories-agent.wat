;; Carries seven memories of 5 MiB each: none is large, their sum is too much.
(component
  (core module $store (memory (export "memory") 80))
  (core instance (instantiate $store))
  (core instance (instantiate $store))
  (core instance (instantiate $store))
  (core instance (instantiate $store))
  (core instance (instantiate $store))
  (core instance (instantiate $store))
  (core instance (instantiate $store)))

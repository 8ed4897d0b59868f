;; frame: none
;; Wants a core module from the host.
(component
  (import "evil:host/backdoor@1.0.0" (core module))
  (instance $nothing)
  (export "lancet:plugin/solving@0.1.0" (instance $nothing)))

# How a function's code is built; the Makefiles of the functions, which `sam build` calls, include this.

include $(dir $(firstword $(MAKEFILE_LIST)))../../layers/layer.mk

build-%Function:
	cp -R . "$(ARTIFACTS_DIR)"
	rm -f "$(ARTIFACTS_DIR)/Makefile"
	find "$(ARTIFACTS_DIR)" -depth -name __pycache__ -exec rm -rf {} \;
	$(call compile_to_byte_code,$(ARTIFACTS_DIR))

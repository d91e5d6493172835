// activation.glsl: the pointwise functions of enum bv_activation, in its order, in f32.

// Complementary error function by a Chebyshev fit of erfc(z) exp(z²), relative error below 1.2e-7
// (Numerical Recipes, 6.2).
float erfc(float x)
{
    float z = abs(x);
    float t = 1.0 / (1.0 + 0.5 * z);
    float p = 0.17087277;
    p = p * t - 0.82215223;
    p = p * t + 1.48851587;
    p = p * t - 1.13520398;
    p = p * t + 0.27886807;
    p = p * t - 0.18628806;
    p = p * t + 0.09678418;
    p = p * t + 0.37409196;
    p = p * t + 1.00002368;
    p = p * t - 1.26551223;
    float value = t * exp(p - z * z);
    return x < 0.0 ? 2.0 - value : value;
}

// The built-in may be a quotient of exponentials, which loses digits near zero and overflows far
// from it.
float tanh_exact(float x)
{
    float z = abs(x);
    if (z < 0.1) {
        float s = x * x;
        return x * (1.0 + s * (-1.0 / 3.0 + s * (2.0 / 15.0 + s * (-17.0 / 315.0))));
    }
    float e = exp(-2.0 * z);
    return sign(x) * (1.0 - e) / (1.0 + e);
}

float expm1(float x)
{
    if (abs(x) < 0.1)
        return x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0)))));
    return exp(x) - 1.0;
}

float activate(uint kind, float x)
{
    switch (kind) {
    case 1: // relu
        return isnan(x) ? x : max(x, 0.0);
    case 2: // gelu
        return 0.5 * x * erfc(-0.70710678 * x);
    case 3: // gelu_tanh
        return 0.5 * x * (1.0 + tanh_exact(0.79788456 * (x + 0.044715 * x * x * x)));
    case 4: // quick_gelu
        return x / (1.0 + exp(-1.702 * x));
    case 5: // tanh
        return isnan(x) ? x : tanh_exact(x);
    case 6: // sigmoid
        return 1.0 / (1.0 + exp(-x));
    case 7: // silu
        return x / (1.0 + exp(-x));
    case 8: // elu
        return x > 0.0 ? x : expm1(x);
    case 9: // leaky_relu
        return x > 0.0 ? x : 0.2 * x;
    case 10: // exp
        return exp(x);
    case 11: // relu6
        return isnan(x) ? x : clamp(x, 0.0, 6.0);
    }
    return x;
}
